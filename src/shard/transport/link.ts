/**
 * One link to one peer after the hellos: what leaves (`send-queue.ts`, `two-lanes.ts`) and what arrives (`pieces.ts`).
 *
 * Every byte that comes is a sign of life of the link, however long the message is that it belongs to; only whole frames
 * are handed on.
 * A link goes down once, at once, and for good: whoever dialled makes a new one. Knows no other link, no address and
 * nothing of what the messages mean.
 */
import type { WebSocket } from 'ws';
import { SingleLane, type LinkLimits, type SendQueue } from './send-queue.js';
import { PieceAssembler } from './pieces.js';
import { SendWindow } from './send-window.js';
import type { LinkInfo, PeerId, PeerMessage } from './transport.js';
import { REFUSALS, type RefusalReason, type TransportCounters } from './stats.js';
import { TwoLanes } from './two-lanes.js';
import { WireError } from './wire-buffer.js';
import { decodeFrame, type FrameEnds } from './wire.js';
import { binaryMessage } from './handshake.js';

/** What a link goes over. */
export interface Connection {
  readonly socket: WebSocket;
  /** All that has come so far, of messages that are not whole yet as well. */
  bytesRead(): number;
}

export interface LinkOwner {
  readonly limits: LinkLimits;
  readonly counters: TransportCounters;
  /** Milliseconds, never back. */
  now(): number;
  onMessages(link: WsLink, messages: readonly PeerMessage[]): void;
  /** Called once. */
  onDown(link: WsLink, why: string): void;
  /** The other side has ended the link, for it knows of another process of this node. Called before `onDown`. */
  onDuplicate(link: WsLink): void;
  /** This message can never be sent over this link. */
  onEncodeError(link: WsLink, message: PeerMessage, why: string): void;
}

/** For the options of every socket: how long a closing handshake may take. (`ws` 8.21 has it, its types do not yet.) */
export const CLOSING = { closeTimeout: 1000 };

const CLOSE_GOING_AWAY = 1001;
/** A WebSocket close frame has room for 123 bytes of reason. */
const MAX_REASON_BYTES = 123;
/** Checks without a sign of life after which a link is given up; a WebSocket ping is sent before. */
const SILENT_CHECKS = 3;
/** The first protocol version with pieces and receipts. */
const TWO_LANES_VERSION = 2;

/** Says why over `socket` and ends it; what has been queued in it before still leaves. */
export function refuse(socket: WebSocket, counters: TransportCounters, reason: RefusalReason, detail: string): void {
  counters.refused[reason] += 1;
  const text = Buffer.from(`${reason}: ${detail}`.replace(/[^\x20-\x7e]/g, '?'));
  socket.close(REFUSALS[reason], text.subarray(0, MAX_REASON_BYTES));
}

export class WsLink {
  readonly peer: PeerId;
  readonly info: LinkInfo;
  private readonly connection: Connection;
  private readonly socket: WebSocket;
  private readonly owner: LinkOwner;
  /** As the frames that we send have it. */
  private readonly ends: FrameEnds;
  private readonly outgoing: SendQueue;
  /** Undefined on a link of one lane, where every message of the socket is a frame. */
  private readonly lanes: { readonly window: SendWindow; readonly arrivals: PieceAssembler } | undefined;
  private down = false;
  /** Something was queued since the last `flush`. */
  private queued = false;
  /** Bytes that waited in the socket when that was last asked: since then some have left, and only receipts and pings came. */
  private socketBacklog = 0;
  private quietChecks = 0;
  private readAtCheck: number;
  private readonly clock = (): number => this.owner.now();
  private readonly sendFrame = (bytes: Uint8Array): void => {
    const { counters } = this.owner;
    counters.framesOut += 1;
    counters.bytesOut += bytes.length;
    this.socket.send(bytes);
  };
  /** Whoever waits for the answer to a question of `ask`, by what the question says; undefined once it was given. */
  private readonly probes: (((isAlive: boolean) => void) | undefined)[] = [];

  constructor(connection: Connection, peer: PeerId, ends: FrameEnds, info: LinkInfo, owner: LinkOwner) {
    const { socket } = connection;
    this.connection = connection;
    this.readAtCheck = connection.bytesRead();
    this.socket = socket;
    this.peer = peer;
    this.ends = ends;
    this.info = info;
    this.owner = owner;
    const { version } = info;
    if (version >= TWO_LANES_VERSION) {
      const window = new SendWindow();
      this.lanes = { window, arrivals: new PieceAssembler(owner.limits.maxFrameBytes) };
      this.outgoing = new TwoLanes(ends, version, owner.limits, window);
    } else {
      this.outgoing = new SingleLane(ends, version, owner.limits);
    }
    socket.on('message', (data, isBinary) => {
      this.receive(binaryMessage(data, isBinary));
    });
    socket.on('pong', (answer) => {
      this.onPong(answer.toString());
    });
    socket.on('close', (code, reason) => {
      if (code === REFUSALS['duplicate-node'] && !this.down) owner.onDuplicate(this);
      this.goDown(`closed by the other side: ${code} ${reason.toString()}`);
    });
  }

  /** Bytes queued here and in the socket. */
  get queuedBytes(): number {
    return this.outgoing.bytes + this.socket.bufferedAmount;
  }

  /** Queues a message; false, counted, if the queue is full or the message cannot be said to this peer. */
  send(message: PeerMessage): boolean {
    const { counters } = this.owner;
    try {
      if (this.add(message)) return true;
      counters.droppedFull += 1;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      counters.droppedEncodeError += 1;
      this.owner.onEncodeError(this, message, error.message);
    }
    return false;
  }

  private add(message: PeerMessage): boolean {
    if (!this.outgoing.add(message, this.socketBacklog)) {
      this.socketBacklog = this.socket.bufferedAmount;
      if (!this.outgoing.add(message, this.socketBacklog)) return false;
    }
    this.queued = true;
    return true;
  }

  /** Hands what was queued to the socket, as far as it may leave; to be called after each turn, so it costs nothing where nothing was. */
  flush(): void {
    if (this.queued) this.drain();
  }

  private drain(): void {
    this.queued = false;
    if (this.down) return;
    this.owner.counters.messagesOut += this.outgoing.take(this.clock, this.sendFrame);
    this.socketBacklog = this.socket.bufferedAmount;
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
    const read = this.connection.bytesRead();
    this.quietChecks = read === this.readAtCheck ? this.quietChecks + 1 : 1;
    this.readAtCheck = read;
    if (this.quietChecks < SILENT_CHECKS) {
      if (this.quietChecks > 1) this.socket.ping();
      return;
    }
    this.closeSilent('no sign of life');
  }

  /** Breaks the link off because nothing comes. */
  closeSilent(detail: string): void {
    this.break('silent', detail);
    // It will not answer a close either.
    this.socket.terminate();
  }

  /**
   * Tells when the other side has answered a question that leaves now, or that the link went down before. What was on its
   * way from there is no answer: its sender may be gone.
   */
  probe(tell: (isAlive: boolean) => void): void {
    this.probes.push(tell);
    this.socket.ping(String(this.probes.length - 1));
  }

  private onPong(question: string): void {
    // The pings of `checkSilence` say nothing, and are answered with nothing.
    const index = question === '' ? -1 : Number(question);
    const tell = this.probes[index];
    if (tell === undefined) return;
    this.probes[index] = undefined;
    tell(true);
  }

  private receive(message: Uint8Array | undefined): void {
    if (this.down) return;
    this.owner.counters.bytesIn += message?.length ?? 0;
    try {
      if (message === undefined) throw new WireError('a text');
      const bytes = this.lanes === undefined ? message : this.reassemble(message, this.lanes);
      if (bytes !== undefined) this.read(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.break('bad-frame', error.message);
    }
  }

  /** A frame, if with this message one is whole. What the other side has to know of it leaves at once. */
  private reassemble(message: Uint8Array, { window, arrivals }: NonNullable<WsLink['lanes']>): Uint8Array | undefined {
    const arrival = arrivals.take(message);
    if (typeof arrival === 'number') {
      if (!window.acknowledged(arrival, this.owner.now())) {
        throw new WireError(`a receipt for ${arrival} bytes, which were not sent`);
      }
      this.drain();
      return undefined;
    }
    const receipt = arrivals.receipt(this.clock);
    if (receipt !== undefined) this.socket.send(receipt);
    return arrival;
  }

  private read(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, this.info.version);
    if (frame.from !== this.ends.to || frame.to !== this.ends.from) {
      const theirs = `${this.ends.to} to ${this.ends.from}`;
      this.break('not-allowed', `a frame from ${frame.from} to ${frame.to} on the link from ${theirs}`);
      return;
    }
    const { counters } = this.owner;
    counters.framesIn += 1;
    counters.messagesIn += frame.messages.length;
    this.owner.onMessages(this, frame.messages);
  }

  private goDown(why: string): void {
    if (this.down) return;
    this.down = true;
    this.owner.counters.droppedQueued += this.outgoing.messages;
    this.outgoing.clear();
    this.owner.onDown(this, why);
    for (const tell of this.probes.splice(0)) tell?.(false);
  }
}
