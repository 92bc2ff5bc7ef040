/**
 * The key that a path names: its text, percent-decoded once, and its type. Used by `/v1/kv/` and `/v1/where/`.
 *
 * A path that ends where the key should begin names none, whatever the type: most often the name was forgotten. The
 * empty string is written `%22%22?key_type=json`; empty bytes cannot be written in a path.
 */
import { decodeKey, isKeyType, parseKeyText, type KeyType } from '../../shard/index.js';
import { decodePercent, invalid } from '../http/index.js';

export interface NamedKey {
  /** Canonical encoding. */
  readonly key: Uint8Array;
  readonly type: KeyType;
  /** As the client sent it, percent-decoded. */
  readonly text: string;
}

/** @throws KvorumError `invalid-request` or `key-too-long` */
export function namedKey(encoded: string, parameters: ReadonlyMap<string, string>): NamedKey {
  const type = parameters.get('key_type') ?? 'string';
  if (!isKeyType(type)) throw invalid('key_type', 'expected one of string, json, base64url');
  const text = decodePercent(encoded, 'key');
  if (text === '') throw invalid('key', 'the path names no key; the empty string is written %22%22?key_type=json');
  return { key: parseKeyText(text, type), type, text };
}

/** The key as JSON text: a string, its canonical JSON value, or base64url. */
export function keyAsJson(named: NamedKey): string {
  return JSON.stringify(named.type === 'json' ? decodeKey(named.key) : named.text);
}
