/**
 * The key that a path names: its text, percent-decoded once, and its type. Used by `/v1/kv/` and `/v1/where/`.
 *
 * A path that ends where the key should begin names none, whatever the type: most often the name was forgotten. The
 * empty string is written `%22%22?key_type=json`; empty bytes cannot be written in a path.
 */
import {
  bytesKey,
  decodeKey,
  inNamespace,
  namespaceKey,
  parseKeyText,
  stringKey,
  userKeyOf,
  type KeyType,
} from '../../shard/index.js';
import { decodePercent, invalid } from '../http/index.js';
import { readQuery } from './parameters.js';

export interface NamedKey {
  /** Canonical encoding. */
  readonly key: Uint8Array;
  readonly type: KeyType;
  /** As the client sent it, percent-decoded. */
  readonly text: string;
}

/** @throws KvorumError `invalid-request` or `key-too-long` */
export function namedKey(
  encoded: string,
  parameters: ReadonlyMap<string, string>,
  namespace: string | undefined,
): NamedKey {
  const within = namespace === undefined ? undefined : namespaceKey(namespace);
  const type = readQuery(parameters, 'key_type') ?? 'string';
  const text = decodePercent(encoded, 'key');
  if (text === '') throw invalid('key', 'the path names no key; the empty string is written %22%22?key_type=json');
  return { key: inNamespace(within, parseKeyText(text, type)), type, text };
}

const STRING_TAG = stringKey('')[0];
const BYTES_TAG = bytesKey(new Uint8Array(0))[0];

/**
 * The members of a JSON object that name an encoded key; a string has no type. A key that JSON has no form for, which only the embedded store can write, is shown as the
 * base64url of its encoding, with the type `encoded`.
 */
export function encodedKeyMembers(encoded: Uint8Array): string {
  const key = userKeyOf(encoded);
  if (key[0] === STRING_TAG) {
    const text = Buffer.from(key.buffer, key.byteOffset + 1, key.length - 1).toString();
    return `"key":${JSON.stringify(text)}`;
  }
  if (key[0] === BYTES_TAG)
    return `"key":"${Buffer.from(key.subarray(1)).toString('base64url')}","key_type":"base64url"`;
  const json = jsonOf(key);
  if (json !== undefined) return `"key":${json},"key_type":"json"`;
  return `"key":"${Buffer.from(key).toString('base64url')}","key_type":"encoded"`;
}

/** Undefined: the JSON would be another key. */
function jsonOf(key: Uint8Array): string | undefined {
  try {
    const json = JSON.stringify(decodeKey(key)) as string | undefined;
    return json !== undefined && Buffer.compare(parseKeyText(json, 'json'), key) === 0 ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The key as JSON text: a string, its canonical JSON value, or base64url. */
export function keyAsJson(named: NamedKey): string {
  return JSON.stringify(named.type === 'json' ? decodeKey(userKeyOf(named.key)) : named.text);
}
