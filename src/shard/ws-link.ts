/**
 * One link to one peer after the hellos: an outgoing queue that is already bytes, and the reading of frames.
 *
 * A link goes down once, at once, and for good: whoever dialled makes a new one. Knows no other link, no address and
 * nothing of what the messages mean.
 */
import type { WebSocket } from 'ws';
import type { LinkInfo, PeerId, PeerMessage } from './transport.js';
import { REFUSALS, type RefusalReason, type TransportCounters } from './transport-stats.js';
import { WireError } from './wire-buffer.js';
import { decodeFrame, FrameEncoder, FRAME_HEADER_BYTES, type Frame, type FrameEnds } from './wire.js';
import { binaryMessage } from './ws-handshake.js';

export interface LinkLimits {
  /** A peer for which so much waits gets nothing more until some of it has left. */
  readonly maxQueueBytes: number;
  /** Longest frame that is accepted, and sent. */
  readonly maxFrameBytes: number;
  /** A frame that has grown beyond this is closed, and another begun. */
  readonly splitFrameBytes: number;
}

export interface LinkOwner {
  readonly limits: LinkLimits;
  readonly counters: TransportCounters;
  onMessages(link: WsLink, messages: readonly PeerMessage[]): void;
  /** Called once. */
  onDown(link: WsLink, why: string): void;
  /** This message can never be sent over this link. */
  onUnsayable(link: WsLink, message: PeerMessage, why: string): void;
}

/** For the options of every socket: how long a closing handshake may take. (`ws` 8.21 has it, its types do not yet.) */
export const CLOSING = { closeTimeout: 1000 };

const CLOSE_GOING_AWAY = 1001;
/** A WebSocket close frame has room for 123 bytes of reason. */
const MAX_REASON_BYTES = 123;
/** Checks without a sign of life after which a link is given up; a WebSocket ping is sent before. */
const SILENT_CHECKS = 3;

/** Says why over `socket` and ends it; what has been queued in it before still leaves. */
export function refuse(socket: WebSocket, counters: TransportCounters, reason: RefusalReason, detail: string): void {
  counters.refused[reason] += 1;
  const text = Buffer.from(`${reason}: ${detail}`.replace(/[^\x20-\x7e]/g, '?'));
  socket.close(REFUSALS[reason], text.subarray(0, MAX_REASON_BYTES));
}

export class WsLink {
  readonly peer: PeerId;
  readonly info: LinkInfo;
  private readonly socket: WebSocket;
  private readonly owner: LinkOwner;
  /** As the frames that we send have it. */
  private readonly ends: FrameEnds;
  private readonly encoder: FrameEncoder;
  private full: Uint8Array[] = [];
  private fullBytes = 0;
  private queuedMessages = 0;
  private down = false;
  private quietChecks = 0;

  constructor(socket: WebSocket, peer: PeerId, ends: FrameEnds, info: LinkInfo, owner: LinkOwner) {
    this.socket = socket;
    this.peer = peer;
    this.ends = ends;
    this.info = info;
    this.owner = owner;
    const { maxFrameBytes, splitFrameBytes } = owner.limits;
    const maxRecordBytes = maxFrameBytes - splitFrameBytes - FRAME_HEADER_BYTES;
    this.encoder = new FrameEncoder(ends, { version: info.version, maxRecordBytes });
    socket.on('message', (data, isBinary) => {
      this.receive(binaryMessage(data, isBinary));
    });
    socket.on('pong', () => {
      this.quietChecks = 0;
    });
    socket.on('close', (code, reason) => {
      this.goDown(`closed by the other side: ${code} ${reason.toString()}`);
    });
  }

  /** Bytes queued here and in the socket. */
  get queuedBytes(): number {
    return this.fullBytes + this.encoder.byteLength + this.socket.bufferedAmount;
  }

  /** Queues a message; false, counted, if the queue is full or the message cannot be said to this peer. */
  send(message: PeerMessage): boolean {
    const { limits, counters } = this.owner;
    if (this.queuedBytes >= limits.maxQueueBytes) {
      counters.droppedFull += 1;
      return false;
    }
    try {
      this.encoder.add(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      counters.droppedInvalid += 1;
      this.owner.onUnsayable(this, message, error.message);
      return false;
    }
    this.queuedMessages += 1;
    if (this.encoder.byteLength >= limits.splitFrameBytes) this.cutFrame();
    return true;
  }

  flush(): void {
    this.cutFrame();
    if (this.full.length === 0 || this.down) return;
    const { counters } = this.owner;
    for (const frame of this.full) {
      counters.framesOut += 1;
      counters.bytesOut += frame.length;
      this.socket.send(frame);
    }
    counters.messagesOut += this.queuedMessages;
    this.forgetQueue();
  }

  /** Breaks the link off because of what the other side did. */
  break(reason: RefusalReason, detail: string): void {
    if (this.down) return;
    refuse(this.socket, this.owner.counters, reason, detail);
    this.goDown(`${reason}: ${detail}`);
  }

  /** Ends the link because this side goes, or has no more use for it. Nothing is waited for. */
  end(why: string): void {
    this.socket.close(CLOSE_GOING_AWAY);
    this.socket.terminate();
    this.goDown(why);
  }

  /** To be called regularly: asks a quiet peer for a sign of life, gives up one that gives none. */
  checkSilence(): void {
    this.quietChecks += 1;
    if (this.quietChecks < SILENT_CHECKS) {
      if (this.quietChecks > 1) this.socket.ping();
      return;
    }
    this.break('silent', 'no sign of life');
    // It will not answer a close either.
    this.socket.terminate();
  }

  private receive(bytes: Uint8Array | undefined): void {
    if (this.down) return;
    this.quietChecks = 0;
    const frame = this.decode(bytes);
    if (frame === undefined) return;
    if (frame.from !== this.ends.to || frame.to !== this.ends.from) {
      const theirs = `${this.ends.to} to ${this.ends.from}`;
      this.break('not-allowed', `a frame from ${frame.from} to ${frame.to} on the link from ${theirs}`);
      return;
    }
    const { counters } = this.owner;
    counters.framesIn += 1;
    counters.bytesIn += bytes?.length ?? 0;
    counters.messagesIn += frame.messages.length;
    this.owner.onMessages(this, frame.messages);
  }

  private decode(bytes: Uint8Array | undefined): Frame | undefined {
    try {
      if (bytes === undefined) throw new WireError('a text');
      return decodeFrame(bytes, this.info.version);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.break('bad-frame', error.message);
      return undefined;
    }
  }

  private cutFrame(): void {
    const frame = this.encoder.take();
    if (frame === undefined) return;
    this.full.push(frame);
    this.fullBytes += frame.length;
  }

  private forgetQueue(): void {
    this.full = [];
    this.fullBytes = 0;
    this.queuedMessages = 0;
  }

  private goDown(why: string): void {
    if (this.down) return;
    this.down = true;
    this.owner.counters.droppedQueued += this.queuedMessages;
    this.forgetQueue();
    this.owner.onDown(this, why);
  }
}
