/**
 * Bounds of operations, frames and clusters, each defined once: the HTTP front, the command encoder and the wire all
 * use them, so none of them can accept what another one refuses.
 *
 * A value too long for any frame would be dropped by its own leader on the way to the followers, for ever.
 * `MAX_VALUE_BYTES` leaves room for the key, the content type and every header around it; a test checks the two against
 * the longest possible command. `config` repeats three of the bounds (`settings.ts`, `address.ts`), because
 * `kvorum --help` must not load this module; the same test checks that they are equal.
 *
 * Content types are printable ASCII wherever they are stored or sent, and every build of Kvorum checks that when it
 * reads an entry or a frame. HTTP also allows a tab (as blank between parameters and within quotes, RFC 9110 §5.6), so
 * a content type with tabs is stored in an escaped form. That form begins with a backslash, which no media type does.
 */
import { MAX_U48 } from './big-endian.js';
import { KvorumError } from './errors.js';
import { FORMATS } from './formats.js';
import { MAX_DELIMITER_BYTES, type List } from './list.js';
import { boundOf, isPlainWrite, isRead, type KvOperation, type KvRead } from './operation.js';
import type { StepResult } from './program.js';

const MIB = 1024 * 1024;

/** Longest frame that a link sends or accepts. */
export const MAX_FRAME_BYTES = 32 * MIB;
/** A frame that has grown beyond this is closed, and another one is begun. */
export const SPLIT_FRAME_BYTES = 4 * MIB;
/** Longest value that may be stored, whatever is configured. */
export const MAX_VALUE_BYTES = 16 * MIB;
/** Of a value with its key and all that stands around them, where it is encoded. */
export const MAX_ENCODED_VALUE_BYTES = MAX_VALUE_BYTES + 64 * 1024;
/** Nodes of a cluster. */
export const MAX_NODES = 100;
/** Shards of a cluster. */
export const MAX_SHARDS = 1024;
/** Longest key as users count it: 4,096 bytes of UTF-8 in a string key, of payload in any other. */
export const MAX_KEY_BYTES = 4096;
/** Longest encoded key outside of namespaces, including the tag byte. */
export const MAX_ENCODED_KEY_BYTES = MAX_KEY_BYTES + 1;
export const MAX_NAMESPACE_NAME_BYTES = 63;
/** What a key in a namespace has before the user's key: a tag, the name, a zero byte (`namespace.ts`). */
export const MAX_NAMESPACE_PREFIX_BYTES = MAX_NAMESPACE_NAME_BYTES + 2;
/** Longest bound of a range: the longest key and a zero byte, which is the first bound behind it. */
export const MAX_BOUND_BYTES = MAX_NAMESPACE_PREFIX_BYTES + MAX_ENCODED_KEY_BYTES + 1;
/** The highest revision that can exist: six bytes in commands, rows and frames. */
export const MAX_REVISION = MAX_U48;
/** Comparisons and operations of one transaction, together. */
export const MAX_TRANSACTION_ITEMS = 256;
/** The same within a namespace, which is in one shard. */
export const MAX_NAMESPACE_TRANSACTION_ITEMS = 2_000;
/** Keys and values of one transaction, together. */
export const MAX_TRANSACTION_BYTES = 4 * MIB;
/** Operations of one batch. */
export const MAX_BATCH_OPERATIONS = 1_000;
/** Keys and values of one batch, together. */
export const MAX_BATCH_BYTES = 8 * MIB;
/**
 * Values in the answer to one batch or transaction, together; a single longer one is answered. Where an entry is applied
 * this is part of what it means, so it is not configurable.
 */
export const MAX_ANSWER_BYTES = 8 * MIB;
/** Longest content type in its stored form. */
export const MAX_CONTENT_TYPE_BYTES = 255;
export const OPERATION_ID_BYTES = 16;
/** Longest random id (`random-id.ts`) of a cluster or a folder that is read; a UUID has 36 characters. */
export const MAX_RANDOM_ID_CHARS = 64;

/** Whether an encoded key is longer than any may be. The prefix of a namespace does not count for the user's key. */
export function isTooLong(key: Uint8Array): boolean {
  if (key.length <= MAX_ENCODED_KEY_BYTES) return false;
  if (key[0] !== FORMATS.keyTag.numbers.namespace) return true;
  return key.length - (key.indexOf(0, 1) + 1) > MAX_ENCODED_KEY_BYTES;
}

/** Longest staleness that a read may allow: 24 h. */
export const MAX_STALENESS_MS = 24 * 60 * 60 * 1_000;

/** Whether a number of milliseconds may be the most staleness of a read. */
export const isStaleness = (ms: number): boolean => Number.isInteger(ms) && ms >= 1 && ms <= MAX_STALENESS_MS;

export const isRevision = (value: number): boolean =>
  Number.isSafeInteger(value) && value >= 0 && value <= MAX_REVISION;

/** Bytes allowed in stored content types, cluster ids and error codes. */
export const isPrintableAscii = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;

const ESCAPED = '\\';
const ESCAPES: Readonly<Record<string, string>> = { '\t': '\\t', '\\': '\\\\' };

/** The stored form of a content type; undefined if it is too long or contains bytes that HTTP does not allow. */
export function storedContentType(text: string): string | undefined {
  const stored = text.includes('\t') ? ESCAPED + text.replace(/[\t\\]/g, (char) => ESCAPES[char] ?? '') : text;
  return isStoredContentType(stored) ? stored : undefined;
}

/** The content type as the client wrote it, from its stored form. */
export function writtenContentType(stored: string): string {
  if (!stored.startsWith(ESCAPED)) return stored;
  return stored.slice(1).replace(/\\([t\\])/g, (_, char) => (char === 't' ? '\t' : '\\'));
}

/** Whether a value of this stored content type is JSON, and was checked to be. */
export function isJsonType(stored: string): boolean {
  if (stored === JSON_TYPE) return true;
  return writtenContentType(stored).split(';', 1)[0]?.trim().toLowerCase() === JSON_TYPE;
}
const JSON_TYPE = 'application/json';

export const BYTES_CONTENT_TYPE = 'application/octet-stream';

/** Of values in V8's serialization (`value.ts`). */
export const V8_CONTENT_TYPE = 'application/vnd.kvorum.v8';

/** Whether bytes appended to a value of this stored content type would make it unreadable. */
export const isStructuredType = (stored: string): boolean => stored === V8_CONTENT_TYPE || isJsonType(stored);

function isStoredContentType(stored: string): boolean {
  if (stored.length > MAX_CONTENT_TYPE_BYTES) return false;
  for (let at = 0; at < stored.length; at += 1) if (!isPrintableAscii(stored.charCodeAt(at))) return false;
  return true;
}

/** A value has no room in the answer: its step has done nothing. */
export function answerTooLarge(limit: number = MAX_ANSWER_BYTES): Extract<StepResult, { type: 'failed' }> {
  const message = `the values of an answer have up to ${limit} bytes together`;
  return { type: 'failed', code: 'value-too-large', message, details: { field: 'results', limit } };
}

const invalid = (field: string, message: string): KvorumError => new KvorumError('invalid-request', message, { field });

/** The error to answer an operation with that cannot be encoded; undefined if it can. */
export function encodeErrorOf(operation: KvOperation): KvorumError | undefined {
  if (operation.type === 'list') return listError(operation);
  // An encoded key is never empty: it has a tag even for the empty string.
  if (operation.key.length === 0 && operation.type !== 'transaction')
    return invalid('key', 'an encoded key has at least one byte');
  if (isTooLong(operation.key)) {
    return new KvorumError('key-too-long', undefined, { field: 'key', limit: MAX_KEY_BYTES });
  }
  if (isRead(operation)) return boundError(operation);
  if (operation.operationId.length !== OPERATION_ID_BYTES) {
    return invalid('operationId', `an operation id has ${OPERATION_ID_BYTES} bytes`);
  }
  if (!isPlainWrite(operation)) return undefined;
  const { condition } = operation;
  if (condition.type === 'revision' && !isRevision(condition.revision)) {
    return invalid('condition', 'a revision is an integer in 0..2^48-1');
  }
  if (operation.type === 'delete') return undefined;
  if (!isStoredContentType(operation.contentType)) {
    return invalid('contentType', `a content type is printable ASCII, at most ${MAX_CONTENT_TYPE_BYTES} bytes`);
  }
  if (operation.body.length <= MAX_VALUE_BYTES) return undefined;
  const message = `a value of ${operation.body.length} bytes, ${MAX_VALUE_BYTES} are allowed`;
  return new KvorumError('value-too-large', message, { field: 'body', limit: MAX_VALUE_BYTES });
}

function boundError(read: KvRead): KvorumError | undefined {
  const { minRevision, maxStalenessMs } = boundOf(read) ?? {};
  if (minRevision !== undefined && !isRevision(minRevision)) {
    return invalid('min_revision', 'a revision is an integer in 0..2^48-1');
  }
  if (maxStalenessMs === undefined || isStaleness(maxStalenessMs)) return undefined;
  return invalid('max_staleness', `a staleness is 1 to ${MAX_STALENESS_MS} ms (24 h)`);
}

const isBound = ({ length }: Uint8Array): boolean => length >= 1 && length <= MAX_BOUND_BYTES;
const isWanted = (number: number): boolean => Number.isInteger(number) && number >= 1 && number < 2 ** 32;

function listError(list: List): KvorumError | undefined {
  const { from, to, grouping, content, rows, bytes } = list;
  if (!isBound(from) || (to !== undefined && !isBound(to))) {
    return invalid('range', `a bound of a range has 1 to ${MAX_BOUND_BYTES} bytes`);
  }
  if (!isWanted(rows) || !isWanted(bytes)) return invalid('limit', 'a page has room for at least one row');
  if (grouping === undefined) return boundError(list);
  if (content === 'count' || content === 'namespaces') return invalid('delimiter', 'only keys are put together');
  const { prefixBytes, delimiter } = grouping;
  if (delimiter.length < 1 || delimiter.length > MAX_DELIMITER_BYTES) {
    return invalid('delimiter', `a delimiter has 1 to ${MAX_DELIMITER_BYTES} bytes`);
  }
  const isLength = Number.isInteger(prefixBytes) && prefixBytes >= 1 && prefixBytes <= MAX_BOUND_BYTES;
  return isLength ? boundError(list) : invalid('delimiter', 'the length of a prefix is that of a key');
}
