/**
 * What the front knows of each client connection: its number per address, what is still owed on it, and when to cut it.
 *
 * Beyond the limit a few more connections are taken, for one request each: so whoever asks for health is answered, and
 * whoever asks for anything else is told why not. When all of these are taken, one whose client keeps it waiting gives
 * way to a new one (`#makeRoom`), so that no number of idle or slow clients can keep all of them.
 *
 * Knows no route. One entry per socket, no listener per request.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from '../http/index.js';
import { PacedReader } from './paced-reader.js';

interface Connection {
  /** When it was taken. */
  readonly since: number;
  /** The youngest answer; node:http sends answers in order, so when it is out all are. */
  latest: ServerResponse | undefined;
  /** Requests that came before the answer to the one before them was out. */
  pipelined: number;
  /** Since node:http has it. */
  reader: PacedReader | undefined;
  ended: boolean;
}

/** Requests that one connection may have open at once; further ones wait in the socket, unread. */
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

  /** A client connected. One address too many connections, or no spare one left: cut at once. */
  add(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = this.#perAddress.get(address) ?? 0;
    const isSpare = this.#open.size - this.#spare.size >= this.#limits.maxConnections;
    if (count >= this.#limits.maxConnectionsPerAddress || (isSpare && !this.#makeRoom())) {
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
   * Ends the oldest of the spare connections whose client is what is waited for: has sent no whole head; or else is
   * told why it is refused, while its body still comes; or else has not taken its answer for a while. False if all of
   * them wait for this process.
   */
  #makeRoom(): boolean {
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

  /** It is beyond the limit: only health is told here, and only once. */
  isSpare(socket: Socket): boolean {
    return this.#spare.has(socket);
  }

  /** node:http has just been given the connection: from now on it reads it piece by piece. */
  pace(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.reader = new PacedReader(socket, () => connection.pipelined >= MAX_PIPELINED);
  }

  /** node:http has let go of the connection again. */
  release(socket: Socket): void {
    this.#open.get(socket)?.reader?.release();
  }

  /** The client has been kept waiting within the last `ms`, so that it was not its fault if a request was not whole. */
  heldWithin(socket: Socket, ms: number): boolean {
    return this.#open.get(socket)?.reader?.heldWithin(ms) === true;
  }

  /** A request came. False if it is not to be served. */
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
      connection.reader?.goOn();
    });
    return true;
  }

  /** What else comes on the connection is not served: the answer that is under way is its last. */
  end(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.ended = true;
  }

  /** Nothing is owed on the connection. */
  idle(socket: Socket): boolean {
    const latest = this.#open.get(socket)?.latest;
    return latest === undefined || latest.writableFinished;
  }

  /**
   * May an answer be written past node:http? Only if it cannot be taken for the answer to another request: when
   * nothing is owed, or the one request that is owed an answer has not come in whole.
   */
  mayAnswerRaw(socket: Socket): boolean {
    if (!socket.writable) return false;
    const connection = this.#open.get(socket);
    if (connection?.latest === undefined || connection.latest.writableFinished) return true;
    return connection.pipelined === 0 && !connection.latest.headersSent && !connection.latest.req.complete;
  }

  /**
   * True if its last request was refused before it had come in whole (`refuseUnread`): the refusal is then on its way
   * and ends the connection, whatever the rest of the request looks like.
   */
  endsByRefusal(socket: Socket): boolean {
    const latest = this.#open.get(socket)?.latest;
    return latest?.writableFinished === false && latest.headersSent && !latest.req.complete;
  }

  /** Nothing moved on the socket for a while: cut it if it is idle, or if its reader does not read. */
  onSilence(socket: Socket): void {
    if (this.idle(socket) || socket.writableLength > 0) socket.destroy();
  }
}
