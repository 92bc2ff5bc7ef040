/**
 * Client connections before node:http: serves the plain, whole data requests on them, and hands a connection over, for
 * good, with the first request on it that is anything else.
 *
 * So no request is ever half read here, and all that takes time or care (slow clients, odd grammar, other routes) stays
 * with node:http. One request at a time is under way on a connection; what comes behind it waits. Knows no route.
 */
import type { Socket } from 'node:net';
import { binaryString } from '../shard/index.js';
import type { Limits } from './limits.js';
import { RequestRecogniser, type RequestBounds, type WholeRequest } from './whole-request.js';
import { WholeResponse, type ResponseSink } from './whole-response.js';

export interface QuickHost {
  /** Answers by `response`, at once or later. */
  onRequest(request: WholeRequest, response: WholeResponse): void;
  /** From here on the connection is node:http's. */
  handOver(socket: Socket): void;
  /** Nothing ever came; to be answered and ended. */
  onSilent(socket: Socket): void;
}

/** Bodies up to here leave in one piece with their head: copying them costs less than a second buffer. */
const SMALL_BODY = 16_384;

export class QuickConnections {
  readonly #host: QuickHost;
  readonly #limits: Limits;
  readonly #bounds: RequestBounds;
  readonly #open = new Set<QuickConnection>();
  #sweep: NodeJS.Timeout | undefined;
  #closing = false;

  /** @param prefix of the targets that are served here */
  constructor(host: QuickHost, limits: Limits, prefix: string) {
    this.#host = host;
    this.#limits = limits;
    this.#bounds = { headerBytes: limits.headerBytes, prefix };
  }

  add(socket: Socket): void {
    const connection: QuickConnection = new QuickConnection(socket, this.#bounds, this.#limits, {
      onRequest: (request, response) => {
        this.#host.onRequest(request, response);
      },
      handOver: (unread) => {
        this.#open.delete(connection);
        this.#host.handOver(socket);
        if (unread.length > 0) socket.unshift(unread);
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
  onRequest(request: WholeRequest, response: WholeResponse): void;
  handOver(unread: Buffer): void;
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
  /** Came, and was not looked at yet. */
  #unread: Buffer | undefined;
  #busy = false;
  #serving = false;
  #halfClosed = false;

  constructor(
    readonly socket: Socket,
    bounds: RequestBounds,
    limits: Limits,
    events: ConnectionEvents,
  ) {
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
    return !this.#busy && this.#unread === undefined && this.socket.writableLength === 0;
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
    const isLast = last || this.#events.isClosing() || (this.#halfClosed && this.#unread === undefined);
    // Its other side may leave its half open for ever.
    if (isLast) socket.destroySoon();
    else if (!this.#serving) this.#serve();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk]);
    if (this.#busy || this.socket.writableNeedDrain) this.socket.pause();
    else if (!this.#serving) this.#serve();
  };

  /** Requests that wait, one after another; ends when one is under way or nothing more is there. */
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
      at += request.length;
      this.#busy = true;
      this.wasUsed = true;
      this.#unread = at < bytes.length ? bytes.subarray(at) : undefined;
      this.#events.onRequest(request, new WholeResponse(this, request.method, this.#keepAlive));
    }
    this.#serving = false;
    if (this.#unread === undefined && !this.#busy && this.socket.isPaused()) this.socket.resume();
  }

  #isFree(): boolean {
    return !this.#busy && this.socket.writable && !this.socket.writableNeedDrain;
  }

  #leave(unread: Buffer): void {
    const { socket } = this;
    if (this.#halfClosed) {
      // Nothing can be put back for others to read.
      socket.destroySoon();
      return;
    }
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('drain', this.#onDrain);
    socket.off('timeout', this.#onStuck);
    socket.off('close', this.#onClose);
    this.#events.handOver(unread);
    if (socket.isPaused()) socket.resume();
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
    if (!this.#busy && this.#unread === undefined) this.socket.end();
  };

  readonly #onStuck = (): void => {
    if (this.socket.writableLength > 0) this.socket.destroy();
  };

  readonly #onError = (): void => {
    this.socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#unread = undefined;
    this.#events.closed();
  };
}
