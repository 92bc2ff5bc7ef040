/**
 * A TCP proxy that limits each of its two directions to so many bytes per second, like a narrow link.
 *
 * Nothing is lost and the order is kept: a faster sender is held up, first here and then in the kernel's buffers. Both
 * directions count the bytes that they passed on.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const LOOPBACK = '127.0.0.1';

export class RateProxy {
  /** Bytes passed on from the dialling side, and to it. */
  there = 0;
  back = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #bytesPerSecond: number;
  readonly #freeAt = { there: 0, back: 0 };

  constructor(target: { readonly host: string; readonly port: number }, bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#server = createServer({ noDelay: true }, (client) => {
      const other = connect({ ...target, noDelay: true });
      for (const [socket, end] of [
        [client, other],
        [other, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => end.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          end.destroy();
        });
      }
      void this.#carry('there', client, other);
      void this.#carry('back', other, client);
    });
  }

  /** Listens on a free loopback port, and returns it. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, LOOPBACK, () => {
        const address = this.#server.address();
        if (address === null || typeof address === 'string') throw new Error('a proxy listens on no port');
        resolve(address.port);
      });
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** All connections of one direction share its rate. */
  async #carry(direction: 'there' | 'back', from: Socket, to: Socket): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        const now = performance.now();
        const start = Math.max(now, this.#freeAt[direction]);
        this.#freeAt[direction] = start + (piece.length * 1000) / this.#bytesPerSecond;
        // Timers have a resolution of a millisecond: shorter times add up in `#freeAt`.
        if (this.#freeAt[direction] - now >= 1) await pause(this.#freeAt[direction] - now);
        this[direction] += piece.length;
        if (to.destroyed) return;
        if (!to.write(piece)) await new Promise<void>((resolve) => to.once('drain', resolve).once('close', resolve));
      }
      to.end();
    } catch {
      to.destroy();
    }
  }
}
