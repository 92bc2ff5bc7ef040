/**
 * What the front knows of each client connection: its number per address, what is still owed on it, and when to cut it.
 *
 * Knows no route. One entry per socket, no listener per request.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from './limits.js';

interface Connection {
  /** The youngest answer; node:http sends answers in order, so when it is out all are. */
  latest: ServerResponse | undefined;
  /** Requests that came before the answer to the one before them was out. */
  pipelined: number;
}

/** Requests that one connection may have open at once. */
const MAX_PIPELINED = 64;

export class Connections {
  readonly #limits: Limits;
  readonly #open = new Map<Socket, Connection>();
  readonly #perAddress = new Map<string, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** A client connected. One address too many connections: cut at once. */
  add(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const count = this.#perAddress.get(address) ?? 0;
    if (count >= this.#limits.maxConnectionsPerAddress) {
      socket.destroy();
      return;
    }
    this.#perAddress.set(address, count + 1);
    this.#open.set(socket, { latest: undefined, pipelined: 0 });
    socket.once('close', () => {
      this.#open.delete(socket);
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
  }

  /** A request came. False: its connection asks for too much at once and was cut. */
  begin(socket: Socket, response: ServerResponse): boolean {
    const connection = this.#open.get(socket);
    if (connection === undefined) return true;
    const pipelined = connection.latest?.writableFinished === false;
    connection.latest = response;
    if (!pipelined) return true;
    connection.pipelined += 1;
    response.once('close', () => {
      connection.pipelined -= 1;
    });
    if (connection.pipelined < MAX_PIPELINED) return true;
    socket.destroy();
    return false;
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

  /** Nothing moved on the socket for a while: cut it if it is idle, or if its reader does not read. */
  onSilence(socket: Socket): void {
    if (this.idle(socket) || socket.writableLength > 0) socket.destroy();
  }
}
