/**
 * Recognises data requests in the simplest form of HTTP/1.1, once they have been received completely, without
 * node:http.
 *
 * What is recognised is a strict subset of the grammar on which all parsers agree (RFC 9112): one blank line at the end
 * of the head, no repeated header, no folding, no empty value, no Transfer-Encoding, a body of the declared length that
 * is all there. Anything else, however valid, is left to node:http, which reads it, and refuses it if need be. A bare
 * server that reads and answers like this takes 8 to 9 µs a request, one on node:http 14 to 18.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { binaryString } from '../../shard/index.js';
import type { BodyBounds, BodyResult, DataRequest, DataResponse } from './data-request.js';
import type { Problem } from './problems.js';
import { sendProblem } from './respond.js';

export type BufferedMethod = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'DELETE' | 'POST';
/** Those whose requests have a body, if only an empty one. */
const WITH_BODY: ReadonlySet<BufferedMethod> = new Set(['PUT', 'PATCH', 'POST']);

/** Makes the response to a request of the connection. */
export type Respond = (method: BufferedMethod) => DataResponse;

/** A request with its body. */
export class BufferedRequest implements DataRequest {
  readonly complete = true;

  constructor(
    readonly method: BufferedMethod,
    /** As received, and visible ASCII. */
    readonly url: string,
    readonly headers: IncomingHttpHeaders,
    readonly body: Buffer,
    /** Bytes of head and body in the buffer in which it was recognised. */
    readonly length: number,
    readonly response: DataResponse,
  ) {}

  refuseRepeatedHeaders(): void {
    // None is recognised.
  }

  readBody({ limit }: BodyBounds, done: (result: BodyResult) => void): void {
    done(this.body.length > limit ? { type: 'too-large' } : { type: 'read', body: this.body });
  }

  refuse(requestId: string, problem: Problem): void {
    sendProblem(this.response, requestId, problem);
  }
}

/** The beginning of a request that may turn out to be simple. */
export type PartialRequest =
  /** Its head is not complete. */
  | { readonly complete: false; readonly neededBytes: undefined }
  /** Bytes of head and body, and of the head alone. */
  | { readonly complete: false; readonly neededBytes: number; readonly headBytes: number };

export interface RequestBounds {
  /** Limit of the head, blank line included. */
  readonly headerBytes: number;
  /** How the request lines that are recognised begin. */
  readonly starts: readonly string[];
  /** Limit of the body, longer ones are not waited for here; undefined: the target is not recognised. */
  bodyBytes(method: BufferedMethod, target: string): number | undefined;
  /** Whether a request with these headers is answered at once; others are not recognised. */
  hasSimpleAnswer(target: string, headers: IncomingHttpHeaders): boolean;
}

const BLANK_LINE = Buffer.from('\r\n\r\n');
const VERSION = ' HTTP/1.1';
const VISIBLE = /^[\x21-\x7e]+$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)$/;
const LENGTH = /^(?:0|[1-9]\d{0,8})$/;
/** Headers that change how a message is read, or what becomes of its connection. */
const NOT_SIMPLE: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'http2-settings',
]);
const NO_BODY = Buffer.alloc(0);

interface Block {
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined without a Content-Length. */
  readonly contentLength: number | undefined;
}

/** Recognises the requests of one connection: most have the same headers as the one before them. */
export class RequestRecogniser {
  readonly #bounds: RequestBounds;
  readonly #latest = new Map<BufferedMethod, Block>();
  readonly #longestStart: number;
  readonly #respond: Respond;

  constructor(bounds: RequestBounds, respond: Respond) {
    this.#bounds = bounds;
    this.#respond = respond;
    this.#longestStart = Math.max(...bounds.starts.map((start) => start.length));
  }

  /**
   * The request that starts at `from`; how much of it is missing, if only that is; undefined if it is for node:http.
   */
  recognise(bytes: Buffer, from: number): BufferedRequest | PartialRequest | undefined {
    const headEnd = bytes.indexOf(BLANK_LINE, from);
    if (headEnd < 0) return this.#mayBecomeHead(bytes, from) ? { complete: false, neededBytes: undefined } : undefined;
    if (headEnd + BLANK_LINE.length - from > this.#bounds.headerBytes) return undefined;
    const head = binaryString(bytes, from, headEnd);
    const method = methodOf(head);
    const lineEnd = head.indexOf('\r\n');
    if (method === undefined || lineEnd < 0) return undefined;
    const target = targetIn(head, method.length + 1, lineEnd);
    const limit = target === undefined ? undefined : this.#bounds.bodyBytes(method, target);
    if (target === undefined || limit === undefined) return undefined;
    const block = this.#block(method, head.slice(lineEnd + 2));
    if (block === undefined) return undefined;
    const { headers, contentLength = 0 } = block;
    if (!this.#bounds.hasSimpleAnswer(target, headers)) return undefined;
    if (WITH_BODY.has(method) ? block.contentLength === undefined : contentLength > 0) return undefined;
    const bodyAt = headEnd + BLANK_LINE.length;
    const end = bodyAt + contentLength;
    if (end > bytes.length) {
      if (contentLength > limit) return undefined;
      return { complete: false, neededBytes: end - from, headBytes: bodyAt - from };
    }
    const body = contentLength === 0 ? NO_BODY : bytes.subarray(bodyAt, end);
    return new BufferedRequest(method, target, headers, body, end - from, this.#respond(method));
  }

  /** True if more bytes could make a simple head of this. Only its beginning is compared. */
  #mayBecomeHead(bytes: Buffer, from: number): boolean {
    if (bytes.length - from >= this.#bounds.headerBytes) return false;
    const start = binaryString(bytes, from, Math.min(bytes.length, from + this.#longestStart));
    return this.#bounds.starts.some((each) =>
      start.length < each.length ? each.startsWith(start) : start.startsWith(each),
    );
  }

  #block(method: BufferedMethod, text: string): Block | undefined {
    const latest = this.#latest.get(method);
    if (latest?.text === text) return latest;
    const block = parseBlock(text);
    if (block !== undefined) this.#latest.set(method, block);
    return block;
  }
}

function targetIn(head: string, from: number, lineEnd: number): string | undefined {
  const to = lineEnd - VERSION.length;
  if (!head.startsWith(VERSION, to)) return undefined;
  const target = head.slice(from, to);
  return VISIBLE.test(target) ? target : undefined;
}

function methodOf(head: string): BufferedMethod | undefined {
  if (head.startsWith('GET ')) return 'GET';
  if (head.startsWith('PUT ')) return 'PUT';
  if (head.startsWith('DELETE ')) return 'DELETE';
  if (head.startsWith('POST ')) return 'POST';
  if (head.startsWith('PATCH ')) return 'PATCH';
  return head.startsWith('HEAD ') ? 'HEAD' : undefined;
}

/** Undefined if it is not simple. */
function parseBlock(text: string): Block | undefined {
  const headers = Object.create(null) as Record<string, string>;
  for (const line of text.split('\r\n')) {
    const [, written, value] = HEADER.exec(line) ?? [];
    const name = written?.toLowerCase();
    if (name === undefined || value === undefined || name in headers || NOT_SIMPLE.has(name)) return undefined;
    headers[name] = value;
  }
  const { connection, host, 'content-length': length } = headers;
  if (host === undefined || (connection !== undefined && connection.toLowerCase() !== 'keep-alive')) return undefined;
  if (length !== undefined && !LENGTH.test(length)) return undefined;
  return { text, headers, contentLength: length === undefined ? undefined : Number(length) };
}
