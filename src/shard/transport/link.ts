/**
 * One link to one peer after the handshake: sending (`send-queue.ts`, `two-lanes.ts`) and receiving (`pieces.ts`).
 *
 * Every byte that arrives shows that the link is alive, however long its message is; only whole frames are delivered. A
 * link goes down once and for good: the side that dialled opens a new one.
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

/** The connection below a link. */
export interface Connection {
  readonly socket: WebSocket;
  /** All bytes received so far, those of incomplete messages included. */
  bytesRead(): number;
}

export interface LinkOwner {
  readonly limits: LinkLimits;
  readonly counters: TransportCounters;
  /** A monotonic clock in milliseconds. */
  now(): number;
  onMessages(link: WsLink, messages: readonly PeerMessage[]): void;
  /** Called once. */
  onDown(link: WsLink, why: string): void;
  /** The peer closed the link because another process of this node is alive. Called before `onDown`. */
  onDuplicate(link: WsLink): void;
  /** This message cannot be encoded for this link. */
  onEncodeError(link: WsLink, message: PeerMessage, why: string): void;
}

/** Options of every socket: how long a closing handshake may take. (`ws` 8.21 has it, its types do not yet.) */
export const CLOSING = { closeTimeout: 1000 };

const CLOSE_GOING_AWAY = 1001;
/** A WebSocket close frame has room for 123 bytes of reason. */
const MAX_REASON_BYTES = 123;
/** Checks without a received byte after which a link is closed; a WebSocket ping is sent before. */
const SILENT_CHECKS = 3;
/** The first protocol version with pieces and receipts. */
const TWO_LANES_VERSION = 2;

/** Closes `socket` with a reason; bytes queued in it before are still sent. */
export function refuseConnection(
  socket: WebSocket,
  counters: TransportCounters,
  reason: RefusalReason,
  detail: string,
): void {
  counters.refused[reason] += 1;
  const text = Buffer.from(`${reason}: ${detail}`.replace(/[^\x20-\x7e]/g, '?'));
  socket.close(REFUSALS[reason], text.subarray(0, MAX_REASON_BYTES));
}

/** State of a link that sends in pieces: the bytes that may be in flight, and the pieces of the other side. */
interface Lanes {
  readonly window: SendWindow;
  readonly arrivals: PieceAssembler;
}

export class WsLink {
  readonly peer: PeerId;
  readonly info: LinkInfo;
  readonly #connection: Connection;
  readonly #socket: WebSocket;
  readonly #owner: LinkOwner;
  /** Sender and receiver in the frames that are sent. */
  readonly #ends: FrameEnds;
  readonly #outgoing: SendQueue;
  /** Undefined on a link of one lane, where every message of the socket is a frame. */
  readonly #lanes: Lanes | undefined;
  #down = false;
  /** Something was queued since the last `flush`. */
  #queued = false;
  /** Bytes in the socket's buffer when last read: an upper bound, except for receipts and pings added since. */
  #socketBacklog = 0;
  #quietChecks = 0;
  #readAtCheck: number;
  readonly #clock = (): number => this.#owner.now();
  readonly #sendFrame = (bytes: Uint8Array): void => {
    const { counters } = this.#owner;
    counters.framesOut += 1;
    counters.bytesOut += bytes.length;
    this.#socket.send(bytes);
  };
  /** Callbacks of `probe` by the payload of their ping; undefined once answered. */
  readonly #probes: (((isAlive: boolean) => void) | undefined)[] = [];

  constructor(connection: Connection, peer: PeerId, ends: FrameEnds, info: LinkInfo, owner: LinkOwner) {
    const { socket } = connection;
    this.#connection = connection;
    this.#readAtCheck = connection.bytesRead();
    this.#socket = socket;
    this.peer = peer;
    this.#ends = ends;
    this.info = info;
    this.#owner = owner;
    const { version } = info;
    if (version >= TWO_LANES_VERSION) {
      const window = new SendWindow();
      this.#lanes = { window, arrivals: new PieceAssembler(owner.limits.maxFrameBytes) };
      this.#outgoing = new TwoLanes(ends, version, owner.limits, window);
    } else {
      this.#outgoing = new SingleLane(ends, version, owner.limits);
    }
    socket.on('message', (data, isBinary) => {
      this.#receive(binaryMessage(data, isBinary));
    });
    socket.on('pong', (answer) => {
      this.#onPong(answer.toString());
    });
    socket.on('close', (code, reason) => {
      if (code === REFUSALS['duplicate-node'] && !this.#down) owner.onDuplicate(this);
      this.#goDown(`closed by the other side: ${code} ${reason.toString()}`);
    });
  }

  /** Bytes queued here and in the socket. */
  get queuedBytes(): number {
    return this.#outgoing.bytes + this.#socket.bufferedAmount;
  }

  /** Queues a message; false, counted, if the queue is full or the message cannot be encoded for this peer. */
  send(message: PeerMessage): boolean {
    const { counters } = this.#owner;
    try {
      if (this.#add(message)) return true;
      counters.droppedFull += 1;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      counters.droppedEncodeError += 1;
      this.#owner.onEncodeError(this, message, error.message);
    }
    return false;
  }

  #add(message: PeerMessage): boolean {
    if (!this.#outgoing.add(message, this.#socketBacklog)) {
      this.#socketBacklog = this.#socket.bufferedAmount;
      if (!this.#outgoing.add(message, this.#socketBacklog)) return false;
    }
    this.#queued = true;
    return true;
  }

  /**
   * Passes queued messages to the socket as far as the window allows. Called after each turn, so free if nothing was
   * queued.
   */
  flush(): void {
    if (this.#queued) this.#drain();
  }

  #drain(): void {
    this.#queued = false;
    if (this.#down) return;
    this.#owner.counters.messagesOut += this.#outgoing.take(this.#clock, this.#sendFrame);
    this.#socketBacklog = this.#socket.bufferedAmount;
  }

  /** Closes the link because of what the peer did. */
  break(reason: RefusalReason, detail: string): void {
    if (this.#down) return;
    refuseConnection(this.#socket, this.#owner.counters, reason, detail);
    this.#goDown(`${reason}: ${detail}`);
  }

  /** Closes the link because this side stops or no longer needs it, without waiting. */
  end(why: string): void {
    this.#socket.close(CLOSE_GOING_AWAY);
    this.#socket.terminate();
    this.#goDown(why);
  }

  /** To be called regularly: pings a silent peer, and closes the link of one that stays silent. */
  checkSilence(): void {
    const read = this.#connection.bytesRead();
    this.#quietChecks = read === this.#readAtCheck ? this.#quietChecks + 1 : 1;
    this.#readAtCheck = read;
    if (this.#quietChecks < SILENT_CHECKS) {
      if (this.#quietChecks > 1) this.#socket.ping();
      return;
    }
    this.closeSilent('nothing received in time');
  }

  /** Closes the link because nothing arrives. */
  closeSilent(detail: string): void {
    this.break('silent', detail);
    // A silent peer does not answer a close either.
    this.#socket.terminate();
  }

  /**
   * Calls back when the peer has answered a ping that is sent now, or when the link goes down before. Bytes already in
   * flight are no answer: their sender may be gone.
   */
  probe(report: (isAlive: boolean) => void): void {
    this.#probes.push(report);
    this.#socket.ping(String(this.#probes.length - 1));
  }

  #onPong(question: string): void {
    // Pings of `checkSilence` have an empty payload, and so have their answers.
    const index = question === '' ? -1 : Number(question);
    const report = this.#probes[index];
    if (report === undefined) return;
    this.#probes[index] = undefined;
    report(true);
  }

  #receive(message: Uint8Array | undefined): void {
    if (this.#down) return;
    this.#owner.counters.bytesIn += message?.length ?? 0;
    try {
      if (message === undefined) throw new WireError('a text');
      const bytes = this.#lanes === undefined ? message : this.#reassemble(message, this.#lanes);
      if (bytes !== undefined) this.#read(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.break('bad-frame', error.message);
    }
  }

  /** The frame that this message completes, if any. A receipt that is due is sent at once. */
  #reassemble(message: Uint8Array, { window, arrivals }: Lanes): Uint8Array | undefined {
    const arrival = arrivals.take(message);
    if (typeof arrival === 'number') {
      if (!window.acknowledged(arrival, this.#owner.now())) {
        throw new WireError(`a receipt for ${arrival} bytes, which were not sent`);
      }
      this.#drain();
      return undefined;
    }
    const receipt = arrivals.receipt(this.#clock);
    if (receipt !== undefined) this.#socket.send(receipt);
    return arrival;
  }

  #read(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes, this.info.version);
    if (frame.from !== this.#ends.to || frame.to !== this.#ends.from) {
      const theirs = `${this.#ends.to} to ${this.#ends.from}`;
      this.break('not-allowed', `a frame from ${frame.from} to ${frame.to} on the link from ${theirs}`);
      return;
    }
    const { counters } = this.#owner;
    counters.framesIn += 1;
    counters.messagesIn += frame.messages.length;
    this.#owner.onMessages(this, frame.messages);
  }

  #goDown(why: string): void {
    if (this.#down) return;
    this.#down = true;
    this.#owner.counters.droppedQueued += this.#outgoing.messages;
    this.#outgoing.clear();
    this.#owner.onDown(this, why);
    for (const report of this.#probes.splice(0)) report?.(false);
  }
}
