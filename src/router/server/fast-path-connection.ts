/** One client connection on the fast path, from its first byte until it is closed or handed over to node:http. */
import type { Socket } from 'node:net';
import { binaryString } from '../../shard/index.js';
import {
  BufferedResponse,
  compact,
  type PartialRequest,
  ReceivedPieces,
  RequestRecogniser,
  type ResponseSink,
} from '../http/index.js';
import type { FastPath } from './fast-path.js';

/** Bodies up to here are sent in one buffer with their head: copying them costs less than a second buffer. */
const SMALL_BODY = 16_384;
/** Requests begun in one turn of the event loop: heartbeats and other clients get a turn in between. */
const MAX_IN_TURN = 32;

export class FastPathConnection implements ResponseSink {
  /** A request was served here. */
  wasUsed = false;
  /** When something was last received or sent. */
  idleSince = performance.now();
  readonly #recogniser: RequestRecogniser;
  readonly #front: FastPath;
  readonly #keepAlive: string;
  /** Received, and not served yet. */
  #unread: Buffer | undefined;
  /**
   * What has been received is the beginning of a request: in `#unread` until its head is complete, then in `#pieces`.
   */
  #partial: PartialRequest | undefined;
  #partialSince = 0;
  readonly #pieces: ReceivedPieces;
  #isGivenUp = false;
  /** A request is open. */
  #busy = false;
  #serving = false;
  /** Requests begun since the last `#nextTurn`. */
  #begun = 0;
  /** No more are begun before it. */
  #nextTurn: NodeJS.Immediate | undefined;
  #halfClosed = false;

  constructor(
    readonly socket: Socket,
    front: FastPath,
  ) {
    const { bounds, budget, limits } = front;
    this.#front = front;
    this.#pieces = new ReceivedPieces(budget);
    this.#recogniser = new RequestRecogniser(bounds, (method) => new BufferedResponse(this, method, this.#keepAlive));
    this.#keepAlive = `timeout=${Math.floor(limits.keepAliveTimeoutMs / 1_000)}`;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('drain', this.#onDrain);
    socket.on('timeout', this.#onStuck);
    socket.on('close', this.#onClose);
  }

  /** No request is open, and all answers have been sent. */
  get isIdle(): boolean {
    const { readableLength, writableLength } = this.socket;
    const isWaiting = this.#busy || this.#partial !== undefined || this.#unread !== undefined;
    return !isWaiting && readableLength === 0 && writableLength === 0;
  }

  /** The rest of a request has not been received within its time limit. */
  isLate(now: number): boolean {
    if (this.#partial === undefined || !this.socket.writable) return false;
    const { headersTimeoutMs, requestTimeoutMs } = this.#front.limits;
    const limitMs = this.#partial.neededBytes === undefined ? headersTimeoutMs : requestTimeoutMs;
    return now - this.#partialSince >= limitMs;
  }

  /** The rest of a request will not come, or comes too late: drops what was received and answers with the reason. */
  giveUp(code: 'request-timeout' | 'invalid-request'): void {
    this.#isGivenUp = true;
    this.#unread = undefined;
    this.#pieces.drop();
    // What may still come is read and discarded.
    this.socket.off('data', this.#onData);
    this.#front.host.onIncomplete(this.socket, code);
  }

  endIfIdle(): void {
    if (this.isIdle) this.socket.destroySoon();
  }

  answer(head: string, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8', last: boolean): void {
    const { socket } = this;
    this.#busy = false;
    this.idleSince = performance.now();
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
    // The client has not read it yet; the socket's timeout notices a client that reads nothing for long.
    if (socket.writableLength > 0) socket.setTimeout(this.#front.limits.writeTimeoutMs);
    const isLast = last || this.#front.isClosing || this.#halfClosed;
    // Not `end`: the client may leave its half open for ever.
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

  /** What cannot be served yet goes back into the socket, which emits `end` only after it was read again. */
  #putBack(): void {
    const unread = this.#unread;
    if (unread === undefined) return;
    this.#unread = undefined;
    this.socket.pause();
    this.socket.unshift(unread);
  }

  /** True if the request is complete with this chunk. If not, it is kept; the pieces are joined once. */
  #completes(neededBytes: number, chunk: Buffer): boolean {
    const isLast = this.#pieces.length + chunk.length >= neededBytes;
    if (!isLast && this.#pieces.add(chunk)) return false;
    this.#pieces.addLast(chunk);
    const bytes = this.#pieces.join();
    if (isLast) this.#unread = bytes;
    // There is no room for it in the budget. The node:http front finds that too, and answers it.
    else this.#handOver(bytes);
    return isLast;
  }

  /** Begins the requests that wait, one after another; returns when one stays open or no complete one is left. */
  #serve(): void {
    this.#serving = true;
    let at = 0;
    const bytes = this.#unread;
    while (bytes !== undefined && at < bytes.length && this.#isFree()) {
      const request = this.#recogniser.recognise(bytes, at);
      if (request === undefined) {
        this.#handOver(bytes.subarray(at));
        return;
      }
      if (!request.complete) {
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
      this.#front.host.onRequest(request);
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

  /** False if the connection was handed over, since the budget has no room for the beginning of the body. */
  #await(partial: PartialRequest, beginning: Buffer): boolean {
    this.#partialSince = this.#partial === undefined ? performance.now() : this.#partialSince;
    this.#partial = partial;
    this.#unread = undefined;
    if (this.#halfClosed) this.giveUp('invalid-request');
    else if (partial.neededBytes === undefined) this.#unread = compact(beginning);
    else if (!this.#pieces.add(beginning, beginning.length - partial.headBytes)) {
      this.#handOver(beginning);
      return false;
    }
    return true;
  }

  #isFree(): boolean {
    return !this.#busy && this.#nextTurn === undefined && this.socket.writable && !this.socket.writableNeedDrain;
  }

  #handOver(unread: Buffer): void {
    const { socket } = this;
    if (this.#halfClosed) {
      // It ended within a request that is not simple after all; a socket that has ended takes nothing back.
      this.#front.host.onIncomplete(socket, 'invalid-request');
      return;
    }
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('drain', this.#onDrain);
    socket.off('timeout', this.#onStuck);
    socket.off('close', this.#onClose);
    // node:http has its listeners on it before anything is read.
    socket.pause();
    this.#front.remove(this);
    this.#front.host.handOver(socket);
    if (unread.length > 0) socket.unshift(unread);
    socket.resume();
  }

  readonly #onDrain = (): void => {
    this.socket.setTimeout(0);
    this.idleSince = performance.now();
    if (this.#front.isClosing) this.endIfIdle();
    if (!this.#busy && !this.#serving) this.#serve();
  };

  /** The client sends no more; open requests are still answered. */
  readonly #onEnd = (): void => {
    this.#halfClosed = true;
    if (this.#isGivenUp) return;
    if (this.#partial !== undefined) this.giveUp('invalid-request');
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
    this.#front.remove(this);
  };
}
