/** A server on a free port over the fake backend, and two ways to talk to it: bytes as written, and undici. */
import { connect, type Socket } from 'node:net';
import { afterEach } from 'vitest';
import { Agent, request as undiciRequest, type Dispatcher as UndiciDispatcher } from 'undici';
import { Dispatcher, HttpServer, Metrics, type HttpServerOptions } from '../../src/router/index.js';
import { loadHash, shardOfKey, systemRuntime } from '../../src/shard/index.js';
import { FakeBackend } from './fake-backend.js';
import type { HeldBackend } from './held-backend.js';

export interface Answered {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  readonly text: string;
  readonly json: unknown;
}

export class HttpHarness<B extends HeldBackend = FakeBackend> {
  readonly backend: B;
  readonly dispatcher: Dispatcher;
  readonly metrics: Metrics;
  readonly server: HttpServer;
  readonly #agent = new Agent();
  port = 0;

  private constructor(backend: B, options: Partial<HttpServerOptions>) {
    this.backend = backend;
    this.dispatcher = new Dispatcher({ backend, runtime: systemRuntime(), shardOfKey });
    this.metrics = new Metrics({ backend, dispatcher: this.dispatcher, processMetrics: false });
    this.server = new HttpServer({
      backend,
      dispatcher: this.dispatcher,
      metrics: this.metrics,
      build: { version: '0.0.0-test' },
      port: 0,
      ...options,
    });
  }

  static start(options: Partial<HttpServerOptions> = {}): Promise<HttpHarness> {
    return HttpHarness.over(new FakeBackend(), options);
  }

  static async over<B extends HeldBackend>(
    backend: B,
    options: Partial<HttpServerOptions> = {},
  ): Promise<HttpHarness<B>> {
    await loadHash();
    const harness = new HttpHarness(backend, options);
    harness.port = (await harness.server.listen()).port;
    return harness;
  }

  async close(): Promise<void> {
    this.backend.release();
    this.dispatcher.close();
    await this.#agent.destroy();
    await this.server.close(0);
  }

  /** `path` goes out as given (undici does not normalise it). */
  async ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: UndiciDispatcher.DispatchOptions['body'],
  ): Promise<Answered> {
    const response = await undiciRequest({
      origin: `http://127.0.0.1:${this.port}`,
      path,
      method,
      headers,
      body: body ?? null,
      dispatcher: this.#agent,
    } as never);
    const bytes = Buffer.from(await response.body.arrayBuffer());
    return answered(response.statusCode, response.headers, bytes);
  }

  /** Writes bytes as they are and gives everything that comes back until the server closes or `enough` says so. */
  async raw(sent: string | Buffer, enough: (got: string) => boolean = () => false): Promise<string> {
    const socket = connect(this.port, '127.0.0.1');
    socket.write(sent);
    return readUntil(socket, enough);
  }

  socket(): Socket {
    return connect(this.port, '127.0.0.1');
  }
}

/** Starts servers that are closed after the test that started them. To be called once in a file. */
export function serversOfEachTest(): typeof HttpHarness.start {
  const open: HttpHarness[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((http) => http.close()));
  });
  return async (options) => {
    const http = await HttpHarness.start(options);
    open.push(http);
    return http;
  };
}

/** Lets the event loop turn until `condition` holds; the test's own timeout bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Everything that comes until the other side closes, or `enough`; then the socket is destroyed. */
export function readUntil(socket: Socket, enough: (got: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const finish = (): void => {
      socket.destroy();
      resolve(got);
    };
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      if (enough(got)) finish();
    });
    socket.on('error', finish);
    socket.on('end', finish);
    socket.on('close', finish);
  });
}

function answered(status: number, headers: Record<string, string | string[] | undefined>, body: Buffer): Answered {
  const text = body.toString('utf8');
  const isJson = /(?<!nd)json/.test(String(headers['content-type'] ?? '')) && text !== '';
  return { status, headers, body, text, json: isJson ? (JSON.parse(text) as unknown) : undefined };
}

/** The request head with `Host` and `Connection: close`, so that the answer ends with the connection. */
export const head = (line: string, ...headers: string[]): string =>
  [line, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n');

export const statusIn = (raw: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(raw)?.[1]);
export const bodyIn = (raw: string): string =>
  Buffer.from(raw.slice(raw.indexOf('\r\n\r\n') + 4), 'latin1').toString('utf8');
export const problemIn = (raw: string): Record<string, unknown> => JSON.parse(bodyIn(raw)) as Record<string, unknown>;
