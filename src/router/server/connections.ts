/**
 * The state of each client connection: which requests are open on it, how many come from its address, when to cut it.
 *
 * Beyond the limit a few spare connections are accepted, for one request each: health and metrics are answered there,
 * anything else is refused with the reason. When all spare ones are in use, one that waits for its client is evicted
 * for a new one (`#evictSpare`), so that no number of idle or slow clients can occupy them all.
 *
 * One entry per socket, no listener per request.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '../http/index.js';
import { PacedReader } from './paced-reader.js';

interface Connection {
  /** When it was accepted. */
  readonly since: number;
  /** Response to its latest request; node:http sends responses in order, so once this is sent all are. */
  latest: ServerResponse | undefined;
  /** Open requests that came before the previous one was answered. */
  pipelined: number;
  /** Set once it was handed to node:http. */
  reader: PacedReader | undefined;
  ended: boolean;
}

/** Open requests of one connection; further ones wait in the socket, unread. */
const MAX_PIPELINED = 64;

export class Connections {
  readonly #limits: Limits;
  readonly #open = new Map<Socket, Connection>();
  readonly #perAddress = new Map<string, number>();
  /** Beyond the limit, oldest first. */
  readonly #spare = new Set<Socket>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Closes the new connection at once if its address has too many, or no spare one is left. */
  add(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = this.#perAddress.get(address) ?? 0;
    const isSpare = this.#open.size - this.#spare.size >= this.#limits.maxConnections;
    if (count >= this.#limits.maxConnectionsPerAddress || (isSpare && !this.#evictSpare())) {
      socket.destroy();
      return;
    }
    if (isSpare) this.#spare.add(socket);
    this.#perAddress.set(address, count + 1);
    const since = performance.now();
    this.#open.set(socket, { since, latest: undefined, pipelined: 0, reader: undefined, ended: false });
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#spare.delete(socket);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
  }

  /**
   * Closes the oldest spare connection that waits for its client: one without a complete head; or else one that was
   * refused, while its body still comes; or else one whose answer has not been read for a while. False if all of them
   * wait for this process.
   */
  #evictSpare(): boolean {
    if (this.#spare.size < this.#limits.spareConnections) return true;
    const takenBefore = performance.now() - this.#limits.spareAnswerMs;
    const [socket] = [
      ...this.#spareWhere(({ latest }) => latest === undefined),
      ...this.#spareWhere(({ latest }) => latest?.headersSent === true && !latest.req.complete),
      ...this.#spareWhere(({ latest, since }) => latest?.writableEnded === true && since <= takenBefore),
    ];
    if (socket === undefined) return false;
    this.#spare.delete(socket);
    this.#open.delete(socket);
    socket.destroy();
    return true;
  }

  #spareWhere(isChosen: (connection: Connection) => boolean): Socket[] {
    return [...this.#spare].filter((socket) => {
      const connection = this.#open.get(socket);
      return connection !== undefined && isChosen(connection);
    });
  }

  /** True if it is beyond the limit: one request, answered only for health and metrics. */
  isSpare(socket: Socket): boolean {
    return this.#spare.has(socket);
  }

  /** The connection was just handed to node:http: from now on it gets the bytes in pieces. */
  pace(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.reader = new PacedReader(socket, () => connection.pipelined >= MAX_PIPELINED);
  }

  /** node:http has detached from the connection. */
  release(socket: Socket): void {
    this.#open.get(socket)?.reader?.release();
  }

  /** Reading was paused within the last `ms`, so a request may be incomplete without the client's fault. */
  pausedWithin(socket: Socket, ms: number): boolean {
    return this.#open.get(socket)?.reader?.pausedWithin(ms) === true;
  }

  /** A request was received. False if it is not to be served. */
  begin(socket: Socket, response: ServerResponse): boolean {
    const connection = this.#open.get(socket);
    if (connection === undefined) return true;
    if (connection.ended) return false;
    const isPipelined = connection.latest?.writableFinished === false;
    connection.latest = response;
    if (!isPipelined) return true;
    connection.pipelined += 1;
    response.once('close', () => {
      connection.pipelined -= 1;
      connection.reader?.resume();
    });
    return true;
  }

  /** Further requests on the connection are not served: the current one is the last. */
  end(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.ended = true;
  }

  /** True if no request is open. */
  idle(socket: Socket): boolean {
    const latest = this.#open.get(socket)?.latest;
    return latest === undefined || latest.writableFinished;
  }

  /**
   * Whether an answer may be written past node:http: only if it cannot be taken for the answer to another request, so
   * if none is open, or the only open one is incomplete.
   */
  mayAnswerRaw(socket: Socket): boolean {
    if (!socket.writable) return false;
    const connection = this.#open.get(socket);
    if (connection?.latest === undefined || connection.latest.writableFinished) return true;
    return connection.pipelined === 0 && !connection.latest.headersSent && !connection.latest.req.complete;
  }

  /**
   * Its last request was refused before it was complete (`StreamedRequest.refuse`): the refusal is being sent and ends
   * the connection, whatever the rest of the request looks like.
   */
  endsByRefusal(socket: Socket): boolean {
    const latest = this.#open.get(socket)?.latest;
    return latest?.writableFinished === false && latest.headersSent && !latest.req.complete;
  }

  /** No traffic for a while: cut it if it is idle, or if the client does not read. */
  onTimeout(socket: Socket): void {
    if (this.idle(socket) || socket.writableLength > 0) socket.destroy();
  }
}
