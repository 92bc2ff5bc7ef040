/**
 * Clients that keep one key each in use and note when they succeed. A client waits for its answer as long as the
 * server's own deadline (5 s) and a little more, and sends nothing twice.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { valueOf } from './workload.js';
import { messageOf } from '../../src/thrown.js';

export interface Failure {
  readonly key: string;
  readonly operation: 'PUT' | 'GET';
  /** Status and code of the answer, or how the connection failed. */
  readonly what: string;
  readonly afterMs: number;
}

export interface ClientOptions {
  readonly keys: number;
  readonly valueBytes: number;
  /** Between an answer and the next request of the same client. */
  readonly pauseMs: number;
}

const ANSWER_LIMIT_MS = 6_000;
/** `Kv-Timeout`: what the goal speaks of. */
const DEADLINE = '5s';

export class FailoverClients {
  readonly keys: readonly string[];
  readonly #options: ClientOptions;
  readonly #pool: Pool;
  /** Of each key: when it succeeded since `forget()`, the last success before that included. */
  readonly #successes: number[][];
  #failures: Failure[] = [];
  #operations = 0;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(url: string, options: ClientOptions) {
    this.#options = options;
    this.keys = Array.from({ length: options.keys }, (_, key) => `failover${key}`);
    this.#successes = this.keys.map(() => []);
    this.#pool = new Pool(url, { connections: options.keys, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Operations that succeeded. */
  get operations(): number {
    return this.#operations;
  }

  start(): void {
    this.#running = Promise.all(this.keys.map((_, key) => this.#drive(key)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#pool.destroy();
  }

  /** Begins a new period. */
  forget(): void {
    this.#failures = [];
    for (const [key, times] of this.#successes.entries()) this.#successes[key] = times.slice(-1);
  }

  /** Since `forget()`. */
  failures(): readonly Failure[] {
    return this.#failures;
  }

  /** Of each key, the longest time without a success that touches the time from `from` to `to`. */
  gaps(from: number, to: number): number[] {
    return this.#successes.map((times) => longestGap(times, from, to));
  }

  async #drive(index: number): Promise<void> {
    const key = this.keys[index] ?? '';
    const body = valueOf(index, this.#options.valueBytes);
    for (let turn = 0; !this.#stopped; turn++) {
      const operation = turn % 2 === 0 ? 'PUT' : 'GET';
      const startedAt = performance.now();
      const wrong = await this.#ask(operation, key, body);
      const now = performance.now();
      if (wrong === undefined) {
        this.#operations++;
        this.#successes[index]?.push(now);
      } else this.#failures.push({ key, operation, what: wrong, afterMs: now - startedAt });
      await pause(this.#options.pauseMs);
    }
  }

  /** What went wrong, if something did. */
  async #ask(method: Failure['operation'], key: string, body: string): Promise<string | undefined> {
    try {
      const { statusCode, body: answer } = await this.#pool.request({
        method,
        path: `/v1/kv/${key}`,
        headers: { 'kv-timeout': DEADLINE, ...(method === 'PUT' ? { 'content-type': 'text/plain' } : {}) },
        body: method === 'PUT' ? body : null,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      const text = await answer.text();
      if (statusCode >= 200 && statusCode <= 299) return undefined;
      return `${statusCode} ${/"code":"([^"]+)"/.exec(text)?.[1] ?? ''}`.trim();
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** @param times of successes, ascending. A gap that is open at `to` ends there. */
export function longestGap(times: readonly number[], from: number, to: number): number {
  const points = [...times.filter((time) => time <= to), to];
  const gaps = points.map((end, i) => (end < from ? 0 : end - (points[i - 1] ?? Math.min(from, end))));
  return Math.max(...gaps);
}
