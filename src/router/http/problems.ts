/**
 * Error codes to HTTP: one table of statuses, and the problem document (RFC 9457) that every error answer carries.
 *
 * No stack, path or SQL gets out: faults of the node itself are described by the table's text only.
 */
import { ERRORS, KvorumError, type ErrorCode, type ErrorDetails, type Outcome } from '../../shard/index.js';

interface HttpRow {
  readonly status: number;
  /** Sent as `Retry-After`. */
  readonly retryAfterMs?: number;
  /** The table's meaning is sent instead of the error's message. */
  readonly secretive?: true;
}

/** Codes of `shard/errors.ts`. */
const SHARD_ROWS: Readonly<Record<ErrorCode, HttpRow>> = {
  'invalid-request': { status: 400 },
  'value-too-large': { status: 413 },
  'key-too-long': { status: 414 },
  'precondition-failed': { status: 412 },
  'wrong-type': { status: 409 },
  'patch-failed': { status: 409 },
  'feature-unavailable': { status: 503, retryAfterMs: 5_000 },
  'namespace-not-found': { status: 404 },
  'namespace-not-empty': { status: 409 },
  'quota-exceeded': { status: 507 },
  conflict: { status: 409, retryAfterMs: 100 },
  'snapshot-expired': { status: 409 },
  'idempotency-key-reused': { status: 422 },
  'idempotency-key-expired': { status: 422 },
  'not-here': { status: 421 },
  'no-leader': { status: 503, retryAfterMs: 500 },
  'no-quorum': { status: 503, retryAfterMs: 1_000 },
  'leadership-lost': { status: 504 },
  overloaded: { status: 429, retryAfterMs: 1_000 },
  'shutting-down': { status: 503, retryAfterMs: 1_000 },
  'disk-full': { status: 507, retryAfterMs: 10_000, secretive: true },
  'storage-failed': { status: 503, retryAfterMs: 5_000, secretive: true },
  timeout: { status: 504, retryAfterMs: 100 },
  internal: { status: 500, secretive: true },
};

interface HttpOnlyRow {
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly meaning: string;
}

/** Codes of HTTP alone: such a request reaches no shard, so nothing was applied. */
export const HTTP_CODES = {
  'key-not-found': { status: 404, meaning: 'the key does not exist' },
  'route-not-found': { status: 404, meaning: 'there is nothing at this path' },
  'shard-not-found': { status: 404, meaning: 'there is no shard of this number' },
  'method-not-allowed': { status: 405, meaning: 'the method is not allowed here' },
  'request-timeout': { status: 408, meaning: 'the request did not arrive in time' },
  'length-required': { status: 411, meaning: 'the request needs a Content-Length or Transfer-Encoding' },
  'unsupported-media-type': { status: 415, meaning: 'the content type or encoding is not supported' },
  'expectation-failed': { status: 417, meaning: 'the expectation is not supported' },
  'misdirected-request': { status: 421, meaning: 'this server does not answer for the host that the request names' },
  'headers-too-large': { status: 431, meaning: 'the headers are too large' },
  'transfer-coding-unsupported': { status: 501, meaning: 'only the transfer coding chunked is supported' },
  'too-many-connections': { status: 503, retryAfterMs: 1_000, meaning: 'the server has too many connections' },
  'loop-detected': { status: 508, meaning: 'the request was forwarded too often' },
} as const satisfies Record<string, HttpOnlyRow>;

export type HttpOnlyCode = keyof typeof HTTP_CODES;
export type ProblemCode = ErrorCode | HttpOnlyCode;

/** What a problem document is made from; `status`, `title` and so on follow from the code. */
export interface Problem {
  readonly code: ProblemCode;
  readonly detail?: string | undefined;
  readonly outcome?: Outcome | undefined;
  readonly details?: ErrorDetails;
  /** The operation id of a write whose outcome is unknown, for a retry under it. */
  readonly idempotencyKey?: string | undefined;
  /** Further headers of the answer, flat: name, value, … */
  readonly headers?: readonly string[];
}

const isHttpOnly = (code: ProblemCode): code is HttpOnlyCode => Object.hasOwn(HTTP_CODES, code);

export function httpStatusOf(code: ProblemCode): number {
  return isHttpOnly(code) ? HTTP_CODES[code].status : SHARD_ROWS[code].status;
}

/** Milliseconds after which a retry makes sense; undefined where it does not. */
export function retryAfterMs(code: ProblemCode): number | undefined {
  const row: HttpRow = isHttpOnly(code) ? HTTP_CODES[code] : SHARD_ROWS[code];
  return row.retryAfterMs;
}

/** Whole seconds, at least 1 (RFC 9110 §10.2.3). */
export function retryAfterSeconds(code: ProblemCode): string | undefined {
  const ms = retryAfterMs(code);
  return ms === undefined ? undefined : String(Math.max(1, Math.ceil(ms / 1_000)));
}

const MAX_DETAIL = 300;

/** What a problem says about one operation, whether it is the whole request or one of many. */
export function problemMembers(problem: Problem): object {
  const { code, details = {} } = problem;
  const httpOnly = isHttpOnly(code);
  const meaning = httpOnly ? HTTP_CODES[code].meaning : ERRORS[code].meaning;
  const secretive = !httpOnly && SHARD_ROWS[code].secretive === true;
  return {
    status: httpStatusOf(code),
    detail: secretive ? meaning : (problem.detail ?? meaning).slice(0, MAX_DETAIL),
    code,
    outcome: problem.outcome ?? (httpOnly ? 'not_applied' : ERRORS[code].outcome),
    retryable: httpOnly ? retryAfterMs(code) !== undefined : ERRORS[code].retryable,
    retry_after_ms: retryAfterMs(code),
    shard: details.shard,
    term: details.term,
    leader_hint: details.leader,
    limit: details.limit,
    field: details.field,
    current_revision: details.currentRevision,
    position: details.position,
    idempotency_key: problem.idempotencyKey,
  };
}

export function problemBody(problem: Problem, requestId: string): string {
  const { code } = problem;
  const title = isHttpOnly(code) ? HTTP_CODES[code].meaning : ERRORS[code].meaning;
  const members = { ...problemMembers(problem), request_id: requestId };
  return JSON.stringify({ type: `urn:kvorum:problem:${code}`, title, ...members });
}

/** A request that is refused for a reason of HTTP alone. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly code: HttpOnlyCode;
  /** Further headers, flat: name, value, … */
  readonly headers: readonly string[];

  constructor(code: HttpOnlyCode, message: string = HTTP_CODES[code].meaning, headers: readonly string[] = []) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** A `KvorumError` that names the invalid field. */
export function invalid(field: string, message: string): KvorumError {
  return new KvorumError('invalid-request', message, { field });
}

/** Whatever was thrown, as a problem; an unexpected error becomes `internal`, without its message. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpProblem) return { code: error.code, detail: error.message, headers: error.headers };
  if (error instanceof KvorumError) {
    return { code: error.code, detail: error.message, outcome: error.outcome, details: error.details };
  }
  return { code: 'internal', outcome: 'not_applied' };
}
