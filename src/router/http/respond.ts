/**
 * Writes answers: problem documents and small JSON, with as few calls as node:http allows. Knows no route.
 */
import { ServerResponse, type IncomingMessage } from 'node:http';
import { randomBytes } from 'node:crypto';
import {
  HTTP_CODES,
  problemBody,
  problemOf,
  retryAfterSeconds,
  statusOf,
  HttpProblem,
  type HttpOnlyCode,
  type Problem,
} from './problems.js';
import type { Limits } from './limits.js';
import { bodyLength } from './headers.js';
import { BufferedRequest } from './buffered-request.js';
import type { DataResponse } from './buffered-response.js';

/** Request ids: unique per process start, then counted; cheap, and sortable in a log. */
export class RequestIds {
  readonly #prefix = `${randomBytes(5).toString('hex')}-`;
  #count = 0;

  next(): string {
    this.#count += 1;
    return this.#prefix + this.#count.toString(36);
  }
}

/** Headers that every answer of ours has besides its own; a value must never be taken for a page of this origin. */
export const SECURITY_HEADERS: readonly string[] = ['X-Content-Type-Options', 'nosniff', 'Cache-Control', 'no-cache'];

/** Ends the answer with a problem document. `headers` are flat: name, value, … */
export function sendProblem(
  response: DataResponse,
  requestId: string,
  problem: Problem,
  headers: readonly string[] = [],
): void {
  if (response.headersSent) {
    // Half an answer is out: only a broken connection tells the client so.
    response.destroy();
    return;
  }
  const body = problemBody(problem, requestId);
  writeProblemHead(response, requestId, problem, body, headers);
  response.end(body);
}

function writeProblemHead(
  response: DataResponse,
  requestId: string,
  problem: Problem,
  body: string,
  headers: readonly string[],
): void {
  const retryAfter = retryAfterSeconds(problem.code);
  const head = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Kv-Request-Id',
    requestId,
    ...SECURITY_HEADERS,
    ...headers,
  ];
  if (retryAfter !== undefined) head.push('Retry-After', retryAfter);
  response.writeHead(statusOf(problem.code), head);
}

/**
 * Refuses a request whose body has not been read. A small declared body is swallowed by node:http and the connection
 * lives on, unless others have begun to read it. Any other one is not waited for: the refusal leaves at once, and the connection is closed after a bounded
 * lingering, without which the client might see a reset instead of the refusal.
 */
export function refuseUnread(
  request: IncomingMessage | BufferedRequest,
  response: DataResponse,
  requestId: string,
  problem: Problem,
  limits: Limits,
  headers: readonly string[] = [],
): void {
  const length = bodyLength(request.headers);
  const whole = request instanceof BufferedRequest || !(response instanceof ServerResponse) || request.complete;
  if (whole || (length !== undefined && length <= limits.valueBytes && !request.readableDidRead)) {
    sendProblem(response, requestId, problem, headers);
    return;
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = problemBody(problem, requestId);
  writeProblemHead(response, requestId, problem, body, [...headers, 'Connection', 'close']);
  response.write(body);
  let discarded = 0;
  const end = (): void => {
    clearTimeout(timer);
    request.off('data', count);
    request.socket.off('end', end);
    response.end();
  };
  const count = (chunk: Buffer): void => {
    discarded += chunk.length;
    if (discarded > limits.lingerBytes) end();
  };
  const timer = setTimeout(end, limits.lingerMs);
  request.on('data', count);
  request.once('end', end);
  request.once('close', end);
  request.on('error', end);
  // Of a body that the parser gave up on, only the socket tells the end.
  request.socket.once('end', end);
  request.resume();
}

/** As `sendProblem`, for whatever was thrown. */
export function sendThrown(response: ServerResponse, requestId: string, error: unknown): void {
  sendProblem(response, requestId, problemOf(error), error instanceof HttpProblem ? error.headers : []);
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

/** A whole answer as text (`headers` are whole lines), for a connection on which node:http itself could not make sense of the request. */
export function rawProblem(
  code: HttpOnlyCode | 'invalid-request',
  requestId: string,
  headers: readonly string[] = [],
): string {
  const body = problemBody({ code }, requestId);
  const status = statusOf(code);
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
