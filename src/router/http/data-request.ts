/**
 * A request and its response as the routes see them, whichever front received them: complete, on the fast path
 * (`BufferedRequest`), or with a body that node:http still receives (`StreamedRequest`).
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Limits } from './limits.js';
import type { Problem } from './problems.js';
import type { ReceiveBudget } from './receive-budget.js';

export interface DataRequest {
  readonly method: string | undefined;
  /** Keyed by names in lower case. May be shared with other requests: read only. */
  readonly headers: IncomingHttpHeaders;
  readonly response: DataResponse;
  /** @throws KvorumError `invalid-request` if a header that has a meaning here appears twice */
  refuseRepeatedHeaders(): void;
  /** Reads the body into memory. `done` is called once. */
  readBody(bounds: BodyBounds, done: (result: BodyResult) => void): void;
  /**
   * Refuses the request before it is dispatched. Does not wait for a body that has not been received. What a shard
   * refuses is an answer (`kv/answers.ts`).
   */
  refuse(requestId: string, problem: Problem, limits: Limits): void;
}

/** What data routes use of a response. */
export interface DataResponse {
  readonly headersSent: boolean;
  /** Valid once the head was written. */
  readonly statusCode: number;
  /** Null once it is closed. */
  readonly socket: Socket | null;
  /** `headers` are flat: name, value, … */
  writeHead(status: number, headers: string[]): unknown;
  end(): unknown;
  /** Text is UTF-8 by default. */
  // Two signatures, for node:http's own has no optional parameters either.
  // eslint-disable-next-line @typescript-eslint/unified-signatures
  end(body: string | Uint8Array): unknown;
  end(body: string, encoding: 'latin1'): unknown;
  destroy(): unknown;
}

export interface BodyBounds {
  /** Limit in bytes. */
  readonly limit: number;
  /** Holds the bytes of a body that is not complete yet. */
  readonly budget: ReceiveBudget;
}

export type BodyResult =
  | { readonly type: 'read'; readonly body: Buffer }
  /** Longer than the limit; the rest is not read. */
  | { readonly type: 'too-large' }
  /** The budget is used up; the rest is not read. */
  | { readonly type: 'no-room' }
  /** The client went away, or was answered before the body was complete. */
  | { readonly type: 'aborted' };
