/**
 * What the headers mean that the API defines (`parameters.ts`), and those of bodies. Strictly: what does not match the
 * grammar exactly is refused, never guessed.
 *
 * All other headers (`X-Forwarded-For`, `x-internal-…`) are ignored.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isRevision, MAX_CONTENT_TYPE_BYTES, storedContentType, type Condition } from '../../shard/index.js';
import { isNamed } from './accept.js';
import type { EntityTag } from './entity-tags.js';
import { HttpProblem, invalid } from './problems.js';
import type { Limits } from './limits.js';
import { parseMediaType } from './media-type.js';
import { readHeader, type ReturnWish } from './parameters.js';

/** node:http joins or drops repeats of these silently, and two values of one header would be ambiguous. */
const SINGLE: ReadonlySet<string> = new Set([
  'host',
  'content-type',
  'content-encoding',
  'if-match',
  'if-none-match',
  'prefer',
  'kv-timeout',
  'kv-forward',
  'kv-hops',
  'idempotency-key',
]);

/** @throws KvorumError `invalid-request` if a header that means something here appears twice. */
export function refuseRepeats(request: IncomingMessage): void {
  if (Object.keys(request.headers).length * 2 === request.rawHeaders.length) return;
  const seen = new Set<string>();
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? '').toLowerCase();
    if (seen.has(name) && SINGLE.has(name)) throw invalid(name, 'the header is repeated');
    seen.add(name);
  }
}

/** The header's text; undefined if it is absent. */
export function textOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** A revision in an entity tag: a decimal integer without sign, point, exponent or leading zero. */
const REVISION = /^(0|[1-9]\d*)$/;
/** No key has this revision: log indexes start at 1. */
const NO_REVISION = 0;

/** The revision in an entity tag; undefined for a tag that Kvorum does not issue, or that no log can reach. */
function revisionOf({ opaque }: EntityTag): number | undefined {
  const revision = REVISION.test(opaque) ? Number(opaque) : Number.NaN;
  return isRevision(revision) ? revision : undefined;
}

const NO_CONDITION: Condition = { type: 'none' };

export interface WriteCondition {
  readonly condition: Condition;
  /** Further revisions that match (`match-list.ts`). */
  readonly others: readonly number[];
}

const NO_OTHERS: readonly number[] = [];
const UNCONDITIONAL: WriteCondition = { condition: NO_CONDITION, others: NO_OTHERS };

/** The condition in `If-Match` and `If-None-Match` of a write. @throws KvorumError `invalid-request` */
export function writeCondition(headers: IncomingHttpHeaders): WriteCondition {
  const match = readHeader(headers, 'if-match');
  const noneMatch = readHeader(headers, 'if-none-match');
  if (match === undefined && noneMatch === undefined) return UNCONDITIONAL;
  if (match !== undefined && noneMatch !== undefined) {
    throw invalid('if-match', 'If-Match and If-None-Match exclude each other');
  }
  if (noneMatch !== undefined) {
    if (noneMatch !== '*') throw invalid('if-none-match', 'a write takes only If-None-Match: *');
    return { condition: { type: 'absent' }, others: NO_OTHERS };
  }
  if (match === undefined || match === '*') return { condition: { type: 'exists' }, others: NO_OTHERS };
  // Writes compare strongly (RFC 9110 §13.1.1): a weak tag matches nothing, like one that Kvorum does not issue.
  const strong = match.filter((tag) => !tag.weak);
  const revisions = [...new Set(strong.map(revisionOf).filter((revision) => revision !== undefined))];
  // The latest is the most likely.
  const [revision = NO_REVISION, ...others] = revisions.sort((a, b) => b - a);
  return { condition: { type: 'revision', revision }, others };
}

/** Conditions are on one key. @param what has no revision, for the refusal @throws KvorumError `invalid-request` */
export function refuseConditions(headers: IncomingHttpHeaders, what: string): void {
  for (const name of ['if-match', 'if-none-match']) {
    if (headers[name] !== undefined) throw invalid(name, `${what} has no revision`);
  }
}

/** Revisions that the client has cached; `*` is any, undefined none. */
export function knownRevisions(headers: IncomingHttpHeaders): readonly number[] | '*' | undefined {
  if (headers['if-match'] !== undefined) throw invalid('if-match', 'If-Match is for writes');
  const noneMatch = readHeader(headers, 'if-none-match');
  if (noneMatch === undefined || noneMatch === '*') return noneMatch;
  // Reads compare weakly (RFC 9110 §13.1.2), so a `W/` that a proxy added does not matter.
  return noneMatch.map(revisionOf).filter((revision) => revision !== undefined);
}

/** Deadline of the operation, from `Kv-Timeout` or the default. */
export function timeoutMs(headers: IncomingHttpHeaders, limits: Limits): number {
  const ms = readHeader(headers, 'kv-timeout') ?? limits.defaultTimeoutMs;
  if (ms <= limits.maxTimeoutMs) return ms;
  throw invalid('kv-timeout', `expected a time of at most ${limits.maxTimeoutMs}ms`);
}

/** 16 bytes from `Idempotency-Key`; undefined without one. A quoted UUID (as in the IETF draft) means the same. */
export const operationIdOf = (headers: IncomingHttpHeaders): Uint8Array | undefined =>
  readHeader(headers, 'idempotency-key');

export interface Forwarding {
  /** Whether the request may be forwarded to another node. */
  readonly allowed: boolean;
  /** How often it has been forwarded. */
  readonly hops: number;
}

/** A request is forwarded once at most; one with more hops is in a loop. */
const MAX_HOPS = 1;
const FREE: Forwarding = { allowed: true, hops: 0 };

/** @throws HttpProblem `loop-detected` (508), KvorumError `invalid-request` */
export function forwardingOf(headers: IncomingHttpHeaders): Forwarding {
  const wish = readHeader(headers, 'kv-forward');
  const counted = readHeader(headers, 'kv-hops');
  if (wish === undefined && counted === undefined) return FREE;
  const hops = counted ?? 0;
  if (hops > MAX_HOPS) throw new HttpProblem('loop-detected');
  return { allowed: wish === undefined && hops < MAX_HOPS, hops };
}

/** What the answer of a write shows; undefined: no wish that is known. */
export function returnWish(headers: IncomingHttpHeaders): ReturnWish | undefined {
  const wish = readHeader(headers, 'prefer');
  return wish === 'none' ? undefined : wish;
}

export const ENVELOPE = 'application/vnd.kvorum+json';

/** True if `Accept` asks for the envelope. */
export function wantsEnvelope(headers: IncomingHttpHeaders): boolean {
  const { accept } = headers;
  // Hardly any read has it: the others are not parsed.
  return accept?.includes(ENVELOPE) === true && isNamed(accept, ENVELOPE);
}

export interface ContentType {
  /** As stored with the value: unchanged except for tabs (`storedContentType`). */
  readonly stored: string;
  /** `application/json`: the body is validated. */
  readonly json: boolean;
}

const OCTETS: ContentType = { stored: 'application/octet-stream', json: false };
/** Types that passed; clients use few. A plain PUT parses none. */
const validatedTypes = new Map<string, ContentType>();
const MAX_VALIDATED = 256;

/** @throws HttpProblem 415 for what is no media type, or JSON in another charset than UTF-8 */
export function contentTypeOf(headers: IncomingHttpHeaders): ContentType {
  const text = headers['content-type'];
  if (text === undefined) return OCTETS;
  const seen = validatedTypes.get(text);
  if (seen !== undefined) return seen;
  const stored = storedContentType(text);
  const type = stored === undefined ? undefined : parseMediaType(text);
  if (stored === undefined || type === undefined) {
    throw new HttpProblem(
      'unsupported-media-type',
      `the Content-Type is not a media type of at most ${MAX_CONTENT_TYPE_BYTES} bytes`,
    );
  }
  const json = type.essence === 'application/json';
  const { charset = 'utf-8' } = type;
  if (json && charset !== 'utf-8' && charset !== 'utf8') {
    throw new HttpProblem('unsupported-media-type', 'JSON is UTF-8 (RFC 8259 §8.1)');
  }
  const contentType = { stored, json };
  if (validatedTypes.size < MAX_VALIDATED) validatedTypes.set(text, contentType);
  return contentType;
}

/** Bodies are stored as they are: nothing is ever decompressed. */
export function refuseEncodedBody(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw new HttpProblem('unsupported-media-type', 'a Content-Encoding is not supported', [
    'Accept-Encoding',
    'identity',
  ]);
}

/** True if the body has a transfer coding other than `chunked` (RFC 9112 §6.1). */
export function hasForeignCoding(headers: IncomingHttpHeaders): boolean {
  const coding = headers['transfer-encoding'];
  return coding !== undefined && coding.trim().toLowerCase() !== 'chunked';
}

/** Declared length of the body: 0 without one, undefined if it is chunked. */
export function bodyLength(headers: IncomingHttpHeaders): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}

/** A method with a body needs one, if only an empty one. @throws HttpProblem 411 */
export function requireLength(headers: IncomingHttpHeaders): void {
  if (bodyLength(headers) === 0 && headers['content-length'] === undefined) throw new HttpProblem('length-required');
}
