/**
 * The response to a `BufferedRequest`: as much of node:http's `ServerResponse` as data routes use, written in one go.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { DataResponse } from './data-request.js';

/** Where a complete response is written. Called once for each. */
export interface ResponseSink {
  readonly socket: Socket;
  /** `last`: the connection ends with this answer. */
  answer(head: string, body: string | Uint8Array | undefined, encoding: 'latin1' | 'utf8', last: boolean): void;
}

/** Stricter than HTTP: no header that Kvorum sends has text beyond ASCII. */
const NOT_A_VALUE = /[^\t\x20-\x7e]/;
const STATUS_LINES = new Map(
  Object.entries(STATUS_CODES).map(([code, reason]) => [Number(code), `HTTP/1.1 ${code} ${reason ?? ''}\r\n`]),
);

export class BufferedResponse implements DataResponse {
  readonly #sink: ResponseSink;
  readonly #withBody: boolean;
  readonly #keepAlive: string;
  #head = '';
  #bodyAllowed = true;
  #last = false;
  #ended = false;

  /** @param keepAlive value of the header `Keep-Alive` */
  constructor(sink: ResponseSink, method: string, keepAlive: string) {
    this.#sink = sink;
    this.#withBody = method !== 'HEAD';
    this.#keepAlive = keepAlive;
  }

  get headersSent(): boolean {
    return this.#head !== '';
  }

  get statusCode(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.#head)?.[1]);
  }

  get socket(): Socket {
    return this.#sink.socket;
  }

  /** @throws TypeError for a value that no header may have; nothing is written then */
  writeHead(status: number, headers: string[]): void {
    let head = STATUS_LINES.get(status) ?? `HTTP/1.1 ${status}\r\n`;
    let last = false;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? '';
      const value = headers[i + 1] ?? '';
      if (NOT_A_VALUE.test(value)) throw new TypeError(`the header ${name} cannot have this value`);
      if (name === 'Connection') last = value === 'close';
      else head += `${name}: ${value}\r\n`;
    }
    this.#last = last;
    this.#bodyAllowed = this.#withBody && status !== 204 && status !== 304;
    this.#head = head;
  }

  end(body?: string | Uint8Array, encoding: 'latin1' | 'utf8' = 'utf8'): void {
    if (this.#ended) return;
    this.#ended = true;
    const connection = this.#last ? 'Connection: close' : `Connection: keep-alive\r\nKeep-Alive: ${this.#keepAlive}`;
    const head = `${this.#head}Date: ${dateNow()}\r\n${connection}\r\n\r\n`;
    this.#sink.answer(head, this.#bodyAllowed ? body : undefined, encoding, this.#last);
  }

  destroy(): void {
    this.#ended = true;
    this.#sink.socket.destroy();
  }
}

let dateSecond = 0;
let dateText = '';

/** RFC 9110 §5.6.7; formatted once a second. */
function dateNow(): string {
  const now = Date.now();
  if (now - dateSecond >= 1_000 || now < dateSecond) {
    dateSecond = now - (now % 1_000);
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}
