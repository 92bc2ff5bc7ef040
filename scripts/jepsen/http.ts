/**
 * Requests over keep-alive connections, one at a time on each; the client library never sends one again.
 *
 * Distinguishes requests that were certainly not sent (connection refused, or not made in time) from those that may
 * have arrived.
 */
import { Pool } from 'undici';
import type { Method, Reply } from './outcome.js';
import { messageOf } from '../../src/thrown.js';

export interface Request {
  readonly method: Method;
  /** Empty for a transaction, a range or a namespace. */
  readonly key: string;
  /** In which the key, the range or the transaction is. */
  readonly namespace?: string | undefined;
  /** Of the URL, with its question mark. */
  readonly query?: string;
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole request: the connection is dropped if the answer is not complete by then. */
  readonly limitMs: number;
}

const CONNECT_LIMIT_MS = 2_000;
/** Errors that occur before a byte of the request was written. */
const NOT_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

export class HttpClient {
  readonly #pools = new Map<string, Pool>();
  readonly #connections: number;

  /** @param connections to each endpoint; at least as many as there are concurrent requests */
  constructor(connections: number) {
    this.#connections = connections;
  }

  async ask(endpoint: string, request: Request): Promise<Reply> {
    const { method, body, headers, limitMs } = request;
    try {
      const {
        statusCode,
        headers: got,
        body: stream,
      } = await this.#pool(endpoint).request({
        method: method === 'LIST' ? 'GET' : method === 'CREATE' ? 'PUT' : method,
        path: pathOf(request),
        headers,
        body: body ?? null,
        signal: AbortSignal.timeout(limitMs),
      });
      const text = await stream.text();
      const etag = typeof got['etag'] === 'string' ? got['etag'] : undefined;
      const replayed = got['idempotency-replayed'] === 'true';
      return { type: 'answer', status: statusCode, body: text, headers: { etag, replayed } };
    } catch (error) {
      const { code, name } = error as { code?: unknown; name?: unknown };
      if (typeof code === 'string' && NOT_SENT.has(code)) return { type: 'not-sent', reason: code };
      return { type: 'broken', reason: name === 'TimeoutError' ? 'client-timeout' : nameOf(code, error) };
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
  }

  #pool(endpoint: string): Pool {
    let pool = this.#pools.get(endpoint);
    if (pool === undefined) {
      pool = new Pool(endpoint, {
        connections: this.#connections,
        pipelining: 1,
        connect: { timeout: CONNECT_LIMIT_MS },
      });
      this.#pools.set(endpoint, pool);
    }
    return pool;
  }
}

function pathOf({ method, key, query = '', namespace }: Request): string {
  const base = namespace === undefined ? '/v1' : `/v1/ns/${namespace}`;
  if (method === 'CREATE') return base;
  if (method === 'POST') return `${base}/txn`;
  return method === 'LIST' ? `${base}/kv${query}` : `${base}/kv/${encodeURIComponent(key)}${query}`;
}

const nameOf = (code: unknown, error: unknown): string => {
  if (typeof code === 'string') return code;
  return messageOf(error);
};
