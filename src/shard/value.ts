/**
 * Values of the embedded store: converts between JavaScript values and their stored form, a content type and bytes.
 *
 * Values are copied in and out, as with `structuredClone`: the same types (Map, Set, Date, RegExp, Error, typed arrays,
 * bigint, cycles), class instances as plain objects, a Buffer as a Uint8Array. Views of one ArrayBuffer are returned
 * with a buffer each. A string is stored as text, a Uint8Array as plain bytes, and what JSON holds exactly as JSON
 * (`exact-json.ts`), so that HTTP clients can read them, increments and patches change them, and comparisons know them;
 * everything else in V8's serialization, under a private content type.
 *
 * Conversely, a value written over HTTP is decoded by its content type: JSON becomes its value, text a string (unless
 * it is not UTF-8), anything else a Uint8Array. JSON that is one integer beyond ±(2^53−1) becomes a bigint: such is a
 * counter that increments have brought there.
 *
 * `undefined` cannot be stored as a whole value, because `get` returns it for an absent key.
 */
import { DefaultDeserializer, serialize } from 'node:v8';
import { types } from 'node:util';
import { BYTES_CONTENT_TYPE, MAX_VALUE_BYTES, V8_CONTENT_TYPE, writtenContentType } from './bounds.js';
import { KvorumError } from './errors.js';
import { exactJson } from './exact-json.js';
import { messageOf } from '../thrown.js';

export { V8_CONTENT_TYPE } from './bounds.js';

export const TEXT_CONTENT_TYPE = 'text/plain; charset=utf-8';
export const JSON_CONTENT_TYPE = 'application/json';
/** Integers that a double may not hold, as increments write them; longer ones are not counters. */
const LONG_INTEGER = /^-?[1-9][0-9]{15,18}$/;

export interface EncodedValue {
  readonly contentType: string;
  readonly body: Uint8Array;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** @throws TypeError naming the part that cannot be stored: undefined, functions, symbols, promises and the like. */
export function encodeValue(value: unknown): EncodedValue {
  if (value === undefined) {
    throw new TypeError('undefined cannot be stored: it stands for an absent key; store null, or delete the key');
  }
  if (typeof value === 'string' && !LONE_SURROGATE.test(value)) {
    return { contentType: TEXT_CONTENT_TYPE, body: Buffer.from(value, 'utf8') };
  }
  if (types.isUint8Array(value)) return { contentType: BYTES_CONTENT_TYPE, body: new Uint8Array(value) };
  try {
    return encodedJson(value) ?? { contentType: V8_CONTENT_TYPE, body: serialize(value) };
  } catch (cause) {
    throw new TypeError(reasonOf(value, cause), { cause });
  }
}

/** Undefined if the value has no exact JSON, has too much of it, or would come back as a bigint. */
function encodedJson(value: unknown): EncodedValue | undefined {
  const json = exactJson(value, MAX_VALUE_BYTES);
  if (json === undefined || bigintIn(json) !== undefined) return undefined;
  const body = Buffer.from(json, 'utf8');
  return body.length > MAX_VALUE_BYTES ? undefined : { contentType: JSON_CONTENT_TYPE, body };
}

/** @throws KvorumError `invalid-request` if the bytes do not match their content type. */
export function decodeValue({ contentType, body }: EncodedValue): unknown {
  const [type = '', ...parameters] = writtenContentType(contentType)
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  if (type === V8_CONTENT_TYPE) return understood(type, () => deserialize(body));
  if (type === JSON_CONTENT_TYPE) return understood(type, () => parsed(STRICT_UTF8.decode(body)));
  if (type.startsWith('text/') && isUtf8(parameters)) return textOf(body) ?? new Uint8Array(body);
  return new Uint8Array(body);
}

function parsed(json: string): unknown {
  return bigintIn(json) ?? (JSON.parse(json) as unknown);
}

function bigintIn(json: string): bigint | undefined {
  if (!LONG_INTEGER.test(json) || Number.isSafeInteger(Number(json))) return undefined;
  return BigInt(json);
}

function understood(type: string, decode: () => unknown): unknown {
  try {
    return decode();
  } catch (error) {
    const why = messageOf(error);
    throw new KvorumError('invalid-request', `the stored value is not ${type}: ${why}`, { field: 'value' });
  }
}

/** Throws on invalid UTF-8, and keeps a byte order mark. */
const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text without a charset counts as UTF-8, which includes ASCII. */
function isUtf8(parameters: readonly string[]): boolean {
  const charset = parameters.find((parameter) => parameter.startsWith('charset='));
  return charset === undefined || /^charset="?(?:utf-?8|us-ascii)"?$/.test(charset);
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return STRICT_UTF8.decode(body);
  } catch {
    return undefined;
  }
}

interface HostObjectReader {
  readonly _readHostObject: (this: DefaultDeserializer) => ArrayBufferView;
}
/** Documented for subclasses, but missing from the types. */
const { _readHostObject: readView } = DefaultDeserializer.prototype as unknown as HostObjectReader;

/** Node's own deserializer returns views of the bytes that it reads from, which must not be shared with the caller. */
class CopyingDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const view = readView.call(this);
    const bytes = new Uint8Array(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    if (types.isUint8Array(view)) return bytes;
    const Kind = view.constructor as new (buffer: ArrayBuffer) => ArrayBufferView;
    return new Kind(bytes.buffer);
  }
}

function deserialize(body: Uint8Array): unknown {
  const reader = new CopyingDeserializer(body);
  reader.readHeader();
  return reader.readValue() as unknown;
}

/** Parts of a value that are examined to find the one that cannot be stored. */
const MAX_PARTS = 10_000;

function reasonOf(value: unknown, cause: unknown): string {
  const generic = `the value cannot be stored: ${messageOf(cause)}`;
  try {
    return culpritIn(value) ?? generic;
  } catch {
    // A getter threw.
    return generic;
  }
}

/** Which part of the value could not be stored, if that can be found. */
function culpritIn(value: unknown): string | undefined {
  const seen = new Set<unknown>();
  const open: [path: string, part: unknown][] = [['value', value]];
  for (let next = open.pop(); next !== undefined && seen.size < MAX_PARTS; next = open.pop()) {
    const [path, part] = next;
    const type = typeof part;
    if (type === 'function' || type === 'symbol') return `${path} is a ${type}, which cannot be stored`;
    if (typeof part !== 'object' || part === null || seen.has(part)) continue;
    seen.add(part);
    if (isNeverStored(part)) return `${path} is ${articleOf(part)}, which cannot be stored`;
    open.push(...partsOf(path, part));
  }
  return undefined;
}

const isNeverStored = (part: object): boolean =>
  types.isPromise(part) ||
  types.isWeakMap(part) ||
  types.isWeakSet(part) ||
  types.isProxy(part) ||
  types.isSharedArrayBuffer(part);

const articleOf = (part: object): string => (types.isProxy(part) ? 'a Proxy' : `a ${part.constructor.name}`);

function partsOf(path: string, part: object): [string, unknown][] {
  if (types.isMap(part)) {
    return [...part].flatMap(([key, each]): [string, unknown][] => [
      [`a key of ${path}`, key],
      [`${path}.get(${String(key)})`, each],
    ]);
  }
  if (types.isSet(part)) return [...part].map((each): [string, unknown] => [`a member of ${path}`, each]);
  if (Array.isArray(part)) return part.map((each, at): [string, unknown] => [`${path}[${at}]`, each]);
  return Object.entries(part).map(([name, each]): [string, unknown] => [`${path}.${name}`, each]);
}
