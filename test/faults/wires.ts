/** Sockets for tests of the proxies: ends that remember what they got, and waiting for it without guessing a time. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Endpoint } from '../../src/faults/link-proxy.js';

export class End {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  ended = false;
  errorCode: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code;
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.received.toString();
  }
}

/** A listener whose connections are kept in the order in which they came. */
export class Target {
  readonly ends: End[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.ends.push(new End(socket)));
  }

  async listen(): Promise<Endpoint> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.ends) socket.destroy();
  }
}

export const dial = (endpoint: Endpoint): End => new End(connect({ ...endpoint, allowHalfOpen: true }));

/** Turns the event loop until it holds; the test's own time limit is the deadline. */
export async function holds(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
