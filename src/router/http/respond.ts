/**
 * Writes answers: problem documents and small JSON, with as few calls as node:http allows.
 */
import type { ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { Logger } from '../../shard/index.js';
import type { DataRequest, DataResponse } from './data-request.js';
import type { Limits } from './limits.js';
import {
  HTTP_CODES,
  problemBody,
  problemOf,
  retryAfterSeconds,
  httpStatusOf,
  type HttpOnlyCode,
  type Problem,
  type ProblemCode,
} from './problems.js';

/** Request ids: a random prefix per process start, then a counter; cheap, and sortable in a log. */
export class RequestIds {
  readonly #prefix = `${randomBytes(5).toString('hex')}-`;
  #count = 0;

  next(): string {
    this.#count += 1;
    return this.#prefix + this.#count.toString(36);
  }
}

/** On every answer besides its own headers; a browser must never take a value for a page of this origin. */
export const SECURITY_HEADERS: readonly string[] = ['X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-cache'];

/** Ends the response with a problem document. */
export function sendProblem(response: DataResponse, requestId: string, problem: Problem): void {
  if (response.headersSent) {
    // Part of the answer has been sent: only a broken connection can signal the error.
    response.destroy();
    return;
  }
  response.end(writeProblemHead(response, requestId, problem));
}

/** @returns the body, which is still to be written */
export function writeProblemHead(response: DataResponse, requestId: string, problem: Problem, closes = false): string {
  const body = problemBody(problem, requestId);
  const retryAfter = retryAfterSeconds(problem.code);
  const head = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Kv-Request-Id',
    requestId,
    ...SECURITY_HEADERS,
    ...(problem.headers ?? []),
  ];
  if (closes) head.push('Connection', 'close');
  if (retryAfter !== undefined) head.push('Retry-After', retryAfter);
  response.writeHead(httpStatusOf(problem.code), head);
  return body;
}

/** Whatever was thrown while a request was handled, as its answer. @returns what it was answered with */
export function refuseThrown(
  request: DataRequest,
  requestId: string,
  error: unknown,
  { limits, logger }: { readonly limits: Limits; readonly logger: Logger },
): ProblemCode {
  const problem = problemOf(error);
  if (problem.code === 'internal') logger.error({ err: error, requestId }, 'a request failed');
  request.refuse(requestId, problem, limits);
  return problem.code;
}

export function sendJson(response: ServerResponse, requestId: string, value: unknown): void {
  const body = `${JSON.stringify(value)}\n`;
  response.writeHead(200, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Kv-Request-Id',
    requestId,
    ...SECURITY_HEADERS,
  ]);
  response.end(body);
}

/** A complete response as text (`headers` are lines), for a connection whose request node:http could not parse. */
export function rawProblem(
  code: HttpOnlyCode | 'invalid-request',
  requestId: string,
  headers: readonly string[] = [],
): string {
  const body = problemBody({ code }, requestId);
  const status = httpStatusOf(code);
  const reason = code === 'invalid-request' ? 'Bad Request' : HTTP_CODES[code].meaning;
  return [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Kv-Request-Id: ${requestId}`,
    ...headers,
    `Date: ${new Date().toUTCString()}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
