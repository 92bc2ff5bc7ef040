/**
 * The fast path: client connections before node:http. Serves the simple data requests on them
 * (`kv/simple-targets.ts`), and hands a connection over, for good, with the first request on it that is anything else.
 *
 * A request is examined once it has been received completely: its beginning waits here for the rest, since many clients
 * send head and body in two segments. Nothing is consumed before it is recognised, so all that takes care (odd grammar,
 * other routes) stays with node:http. One request at a time is under way on a connection; what comes behind it waits.
 */
import type { Socket } from 'node:net';
import type { BufferedRequest, Limits, ReceiveBudget, RequestBounds } from '../http/index.js';
import { hasSimpleAnswer, SIMPLE_STARTS, simpleBodyLimit } from '../kv/index.js';
import { FastPathConnection } from './fast-path-connection.js';

export interface FastPathHost {
  /** Answers by `request.response`, at once or later. */
  onRequest(request: BufferedRequest): void;
  /** From here on node:http owns the connection. What was received and not consumed is put back into it afterwards. */
  handOver(socket: Socket): void;
  /**
   * The connection has no request, or only the beginning of one, and the rest will not come in time; to be answered and
   * ended.
   */
  onIncomplete(socket: Socket, code: 'request-timeout' | 'invalid-request'): void;
}

export class FastPath {
  readonly host: FastPathHost;
  readonly limits: Limits;
  readonly bounds: RequestBounds;
  readonly budget: ReceiveBudget;
  readonly #open = new Set<FastPathConnection>();
  #sweepTimer: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(host: FastPathHost, limits: Limits, budget: ReceiveBudget) {
    this.host = host;
    this.limits = limits;
    this.budget = budget;
    this.bounds = {
      headerBytes: limits.headerBytes,
      starts: SIMPLE_STARTS,
      bodyBytes: (method, target) => simpleBodyLimit(method, target, limits),
      hasSimpleAnswer,
    };
  }

  /** Connections end as soon as they have no request open. */
  get isClosing(): boolean {
    return this.#closing;
  }

  add(socket: Socket): void {
    this.#open.add(new FastPathConnection(socket, this));
    this.#sweepTimer ??= setInterval(() => {
      this.#sweep();
    }, this.limits.checkIntervalMs).unref();
  }

  /** The connection was closed, or handed to node:http. */
  remove(connection: FastPathConnection): void {
    this.#open.delete(connection);
  }

  close(): void {
    this.#closing = true;
    for (const connection of this.#open) connection.endIfIdle();
  }

  closeAll(): void {
    for (const connection of this.#open) connection.socket.destroy();
  }

  /** Time limits of all connections: one timer for all is cheaper than one for each. */
  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#open) {
      // All was sent and we ended, but the other side has not within a sweep.
      if (connection.socket.writableFinished) connection.socket.destroy();
      if (connection.isLate(now)) connection.giveUp('request-timeout');
      if (!connection.isIdle) continue;
      const idleMs = now - connection.idleSince;
      if (!connection.wasUsed) {
        if (idleMs >= this.limits.headersTimeoutMs) this.host.onIncomplete(connection.socket, 'request-timeout');
      } else if (idleMs >= this.limits.keepAliveTimeoutMs) connection.socket.destroy();
    }
    if (this.#open.size > 0) return;
    clearInterval(this.#sweepTimer);
    this.#sweepTimer = undefined;
  }
}
