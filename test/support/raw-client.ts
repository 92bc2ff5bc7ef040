/** A client that sends requests byte for byte over one connection, and gives answers as they came. */
import type { Socket } from 'node:net';
import { statusIn, until } from './http-harness.js';

/** Answers as they come; each is complete by its Content-Length, or has no body. */
export class Client {
  #got = '';
  constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => (this.#got += chunk.toString('latin1')));
    socket.on('error', () => undefined);
  }

  async ask(request: string): Promise<string> {
    this.socket.write(request, 'latin1');
    const bodyless = request.startsWith('HEAD');
    await until(() => this.socket.destroyed || lengthOfAnswer(this.#got, bodyless) <= this.#got.length);
    const answer = this.#got.slice(0, lengthOfAnswer(this.#got, bodyless));
    this.#got = this.#got.slice(answer.length);
    return answer;
  }
}

function lengthOfAnswer(got: string, bodyless: boolean): number {
  const headEnd = got.indexOf('\r\n\r\n');
  if (headEnd < 0) return Infinity;
  const hasBody = !bodyless && ![204, 304].includes(statusIn(got));
  return headEnd + 4 + (hasBody ? Number(/\r\nContent-Length: (\d+)/i.exec(got)?.[1] ?? 0) : 0);
}

export interface RawAnswer {
  readonly status: string | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

/** Status, headers and body, without what changes each time; `Client` depends on correct lengths. */
export function sameEachTime(raw: string): RawAnswer {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const [status, ...headers] = head.split('\r\n');
  const kept = headers.filter((header) => !/^(?:Date|Kv-Request-Id|Content-Length):/i.test(header));
  const unique = /"(request_id|idempotency_key)":"[^"]*"/g;
  return { status, headers: kept.sort(), body: rest.join('\r\n\r\n').replace(unique, '"$1":"…"') };
}

export const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n');

/** @param body characters up to U+00FF, one byte each */
export const send = (method: string, path: string, body: string, ...headers: string[]): string =>
  [`${method} ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`, ...headers, '', body].join(
    '\r\n',
  );

export const put = (path: string, body: string, ...headers: string[]): string => send('PUT', path, body, ...headers);
