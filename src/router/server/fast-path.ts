/**
 * Client connections before node:http: serves the plain data requests on them, and hands a connection over, for good,
 * with the first request on it that is anything else.
 *
 * A request is looked at once it has come in whole: its beginning waits here for the rest, since many clients send head
 * and body in two segments. Nothing is consumed before it is recognised, so all that takes care (odd grammar, other
 * routes) stays with node:http. One request at a time is under way on a connection; what comes behind it waits. Knows no route.
 */
import type { Socket } from 'node:net';
import { binaryString } from '../../shard/index.js';
import {
  BufferedRequest,
  BufferedResponse,
  type Limits,
  ofItsOwn,
  type PartialRequest,
  type ReceiveBudget,
  ReceivedPieces,
  type RequestBounds,
  RequestRecogniser,
  type ResponseSink,
} from '../http/index.js';

export interface FastPathHost {
  /** Answers by `response`, at once or later. */
  onRequest(request: BufferedRequest, response: BufferedResponse): void;
  /** From here on the connection is node:http's. */
  handOver(socket: Socket): void;
  /** Nothing ever came, or only the beginning of a request; to be answered and ended. */
  onSilent(socket: Socket): void;
  /** The other side ended in the middle of a request; to be answered and ended. */
  onTruncated(socket: Socket): void;
}

/** Bodies up to here leave in one piece with their head: copying them costs less than a second buffer. */
const SMALL_BODY = 16_384;
/** Requests begun before the event loop has turned: heartbeats and other clients pass between. */
const MAX_IN_TURN = 32;

export class FastPath {
  readonly #host: FastPathHost;
  readonly #limits: Limits;
  readonly #bounds: RequestBounds;
  readonly #budget: ReceiveBudget;
  readonly #open = new Set<QuickConnection>();
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;

  /** @param prefix of the targets that are served here */
  constructor(host: FastPathHost, limits: Limits, prefix: string, budget: ReceiveBudget) {
    this.#host = host;
    this.#limits = limits;
    this.#budget = budget;
    this.#bounds = { headerBytes: limits.headerBytes, bodyBytes: limits.valueBytes, prefix };
  }

  add(socket: Socket): void {
    const connection: QuickConnection = new QuickConnection(socket, this.#bounds, this.#limits, this.#budget, {
      onRequest: (request, response) => {
        this.#host.onRequest(request, response);
      },
      handOver: (unread) => {
        this.#open.delete(connection);
        this.#host.handOver(socket);
        if (unread.length > 0) socket.unshift(unread);
      },
      late: () => {
        this.#host.onSilent(socket);
      },
      truncated: () => {
        this.#host.onTruncated(socket);
      },
      closed: () => {
        this.#open.delete(connection);
      },
      isClosing: () => this.#closing,
    });
    this.#open.add(connection);
    this.#sweep ??= setInterval(() => {
      this.#lookAround();
    }, this.#limits.checkIntervalMs).unref();
  }

  /** From now on connections end as soon as nothing is owed on them. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#open) connection.endIfIdle();
  }

  closeAll(): void {
    for (const connection of this.#open) connection.socket.destroy();
  }

  /** There is no timer for a connection by itself. */
  #lookAround(): void {
    const now = performance.now();
    for (const connection of this.#open) {
      // All has left and we ended, but the other side has not: it had its time.
      if (connection.socket.writableFinished) connection.socket.destroy();
      if (connection.isLate(now)) connection.giveUp('late');
      if (!connection.isIdle) continue;
      const idleMs = now - connection.quietSince;
      if (!connection.wasUsed) {
        if (idleMs >= this.#limits.headersTimeoutMs) this.#host.onSilent(connection.socket);
      } else if (idleMs >= this.#limits.keepAliveTimeoutMs) connection.socket.destroy();
    }
    if (this.#open.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

interface ConnectionEvents {
  onRequest(request: BufferedRequest, response: BufferedResponse): void;
  handOver(unread: Buffer): void;
  late(): void;
  truncated(): void;
  closed(): void;
  isClosing(): boolean;
}

class QuickConnection implements ResponseSink {
  /** A request was served here. */
  wasUsed = false;
  /** When something last came or left. */
  quietSince = performance.now();
  readonly #recogniser: RequestRecogniser;
  readonly #limits: Limits;
  readonly #events: ConnectionEvents;
  readonly #keepAlive: string;
  /** Came, and was not served yet. */
  #unread: Buffer | undefined;
  /** What has come is the beginning of a request: `#unread` until its head is there, from then on `#pieces`. */
  #partial: PartialRequest | undefined;
  #partialSince = 0;
  readonly #pieces: ReceivedPieces;
  #isGivenUp = false;
  #busy = false;
  #serving = false;
  /** Requests begun since `#nextTurn` last came. */
  #begun = 0;
  /** No more are begun before it comes. */
  #nextTurn: NodeJS.Immediate | undefined;
  #halfClosed = false;

  constructor(
    readonly socket: Socket,
    bounds: RequestBounds,
    limits: Limits,
    budget: ReceiveBudget,
    events: ConnectionEvents,
  ) {
    this.#pieces = new ReceivedPieces(budget);
    this.#recogniser = new RequestRecogniser(bounds);
    this.#limits = limits;
    this.#events = events;
    this.#keepAlive = `timeout=${Math.floor(limits.keepAliveTimeoutMs / 1_000)}`;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('drain', this.#onDrain);
    socket.on('timeout', this.#onStuck);
    socket.on('close', this.#onClose);
  }

  /** Nothing is under way, and all that was answered has left. */
  get isIdle(): boolean {
    const { readableLength, writableLength } = this.socket;
    const isWaiting = this.#busy || this.#partial !== undefined || this.#unread !== undefined;
    return !isWaiting && readableLength === 0 && writableLength === 0;
  }

  /** The rest of a request has not come in the time that it has. */
  isLate(now: number): boolean {
    if (this.#partial === undefined || !this.socket.writable) return false;
    const { headersTimeoutMs, requestTimeoutMs } = this.#limits;
    const limitMs = this.#partial.neededBytes === undefined ? headersTimeoutMs : requestTimeoutMs;
    return now - this.#partialSince >= limitMs;
  }

  /** The rest of a request will not come, or too late: what there is of it is dropped, and the client told so. */
  giveUp(why: 'late' | 'truncated'): void {
    this.#isGivenUp = true;
    this.#unread = undefined;
    this.#pieces.drop();
    // What may still come is read and thrown away.
    this.socket.off('data', this.#onData);
    this.#events[why]();
  }

  endIfIdle(): void {
    if (this.isIdle) this.socket.destroySoon();
  }

  answer(head: string, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8', last: boolean): void {
    const { socket } = this;
    this.#busy = false;
    this.quietSince = performance.now();
    if (!socket.writable) return;
    if (body === undefined) socket.write(head, 'latin1');
    else if (typeof body === 'string') socket.write(head + body, encoding);
    else if (body.length <= SMALL_BODY) socket.write(head + binaryString(body, 0, body.length), 'latin1');
    else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
    // Its reader has not taken it yet; that it takes nothing for long is found out by the socket itself.
    if (socket.writableLength > 0) socket.setTimeout(this.#limits.writeTimeoutMs);
    const isLast = last || this.#events.isClosing() || this.#halfClosed;
    // Its other side may leave its half open for ever.
    if (isLast) socket.destroySoon();
    else if (!this.#serving) this.#serve();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#partial?.neededBytes !== undefined) {
      if (!this.#completes(this.#partial.neededBytes, chunk)) return;
    } else this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk]);
    if (this.#isFree()) this.#serve();
    else this.#putBack();
  };

  /** What cannot be served yet waits in the socket, which then does not tell of its end before it was read again. */
  #putBack(): void {
    const unread = this.#unread;
    if (unread === undefined) return;
    this.#unread = undefined;
    this.socket.pause();
    this.socket.unshift(unread);
  }

  /** Is this the last that a request waited for? If not, it is kept, to be joined once with what is to come. */
  #completes(neededBytes: number, chunk: Buffer): boolean {
    const isLast = this.#pieces.length + chunk.length >= neededBytes;
    if (!isLast && this.#pieces.add(chunk)) return false;
    this.#pieces.addLast(chunk);
    const bytes = this.#pieces.end();
    if (isLast) this.#unread = bytes;
    // There is no room for it. Whoever has the connection then finds that too, and knows how to say so.
    else this.#leave(bytes);
    return isLast;
  }

  /** Requests that wait, one after another; ends when one is under way or nothing whole is left. */
  #serve(): void {
    this.#serving = true;
    let at = 0;
    const bytes = this.#unread;
    while (bytes !== undefined && at < bytes.length && this.#isFree()) {
      const request = this.#recogniser.recognise(bytes, at);
      if (request === undefined) {
        this.#leave(bytes.subarray(at));
        return;
      }
      if (!(request instanceof BufferedRequest)) {
        if (!this.#await(request, bytes.subarray(at))) return;
        break;
      }
      this.#partial = undefined;
      at += request.length;
      this.#busy = true;
      this.wasUsed = true;
      this.#begun += 1;
      if (this.#begun === MAX_IN_TURN) this.#endTurn();
      this.#unread = at < bytes.length ? bytes.subarray(at) : undefined;
      this.#events.onRequest(request, new BufferedResponse(this, request.method, this.#keepAlive));
    }
    this.#serving = false;
    if (this.#partial === undefined) this.#putBack();
    if (this.#isFree() && this.socket.isPaused()) this.socket.resume();
  }

  #endTurn(): void {
    this.#nextTurn = setImmediate(() => {
      this.#nextTurn = undefined;
      this.#begun = 0;
      if (!this.#busy) this.#serve();
    });
  }

  /** False if the connection was let go of, since there is no room for what has come of the body. */
  #await(partial: PartialRequest, beginning: Buffer): boolean {
    this.#partialSince = this.#partial === undefined ? performance.now() : this.#partialSince;
    this.#partial = partial;
    this.#unread = undefined;
    if (this.#halfClosed) this.giveUp('truncated');
    else if (partial.neededBytes === undefined) this.#unread = ofItsOwn(beginning);
    else if (!this.#pieces.add(beginning, beginning.length - partial.headBytes)) {
      this.#leave(beginning);
      return false;
    }
    return true;
  }

  #isFree(): boolean {
    return !this.#busy && this.#nextTurn === undefined && this.socket.writable && !this.socket.writableNeedDrain;
  }

  #leave(unread: Buffer): void {
    const { socket } = this;
    if (this.#halfClosed) {
      // It ended in the middle of a request that is not plain after all; nothing can be put back for others to read.
      this.#events.truncated();
      return;
    }
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('drain', this.#onDrain);
    socket.off('timeout', this.#onStuck);
    socket.off('close', this.#onClose);
    // Whoever has it next is all set before anything comes.
    socket.pause();
    this.#events.handOver(unread);
    socket.resume();
  }

  readonly #onDrain = (): void => {
    this.socket.setTimeout(0);
    this.quietSince = performance.now();
    if (this.#events.isClosing()) this.endIfIdle();
    if (!this.#busy && !this.#serving) this.#serve();
  };

  /** The other side says no more; what it is owed it still gets. */
  readonly #onEnd = (): void => {
    this.#halfClosed = true;
    if (this.#isGivenUp) return;
    if (this.#partial !== undefined) this.giveUp('truncated');
    else if (!this.#busy && this.#unread === undefined) this.socket.end();
  };

  readonly #onStuck = (): void => {
    if (this.socket.writableLength > 0) this.socket.destroy();
  };

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#unread = undefined;
    this.#pieces.drop();
    this.#events.closed();
  };
}
