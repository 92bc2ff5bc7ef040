/**
 * A client connection that does as little as an HTTP/1.1 client can: one request at a time over a kept socket, and of
 * the answer only status and length. A full client library would cost more CPU than the store it measures.
 */
import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
/** `HTTP/1.1 200 …`: where the three digits are. */
const STATUS_AT = 9;

export class Connection {
  readonly #socket: Socket;
  #pending: Buffer | undefined;
  #done: ((status: number) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#receive(chunk);
    });
    const broken = () => {
      this.#finish(0);
    };
    socket.on('error', broken);
    socket.on('close', broken);
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  get open(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends a whole request; `done` gets the status of its answer, 0 if the connection broke. */
  ask(request: Uint8Array, done: (status: number) => void): void {
    this.#done = done;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const data = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    const headEnd = data.indexOf(HEAD_END);
    const total = headEnd === -1 ? undefined : headEnd + HEAD_END.length + bodyLength(data, headEnd);
    if (total === undefined || data.length < total) {
      this.#pending = data;
      return;
    }
    this.#pending = undefined;
    this.#finish(Number(data.toString('latin1', STATUS_AT, STATUS_AT + 3)));
  }

  #finish(status: number): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(status);
  }
}

function bodyLength(data: Buffer, headEnd: number): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(data.toString('latin1', 0, headEnd))?.[1];
  if (length === undefined) throw new Error('an answer without Content-Length is beyond this client');
  return Number(length);
}
