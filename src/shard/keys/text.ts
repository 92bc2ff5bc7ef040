/**
 * Keys as text: what stands in a path, percent-decoded once, becomes a key.
 *
 * Knows no HTTP: the decoding of the path is the router's, and so is the refusal of invalid UTF-8 and of a path that
 * names no key. Here no text at all is the empty string, or empty bytes; as JSON it is nothing, the empty string is `""`.
 */
import { KvorumError } from '../errors.js';
import { bytesKey, encodeKey, stringKey } from './encoder.js';
import { MAX_KEY_BYTES } from '../bounds.js';
import { MAX_KEY_DEPTH } from './format.js';
import { parseStrictJson } from '../strict-json.js';

const KEY_TYPES = ['string', 'json', 'base64url'] as const;
export type KeyType = (typeof KEY_TYPES)[number];
export const isKeyType = (text: string): text is KeyType => (KEY_TYPES as readonly string[]).includes(text);

/** JSON may be six times as long as the string it stands for (`\u0041`), and have blanks. */
const MAX_JSON_LENGTH = 8 * MAX_KEY_BYTES;
const BASE64URL = /^[A-Za-z0-9_-]*$/;

/**
 * The key that `text` stands for.
 * @throws KvorumError `invalid-request` (field `key`) or `key-too-long`.
 */
export function parseKeyText(text: string, type: KeyType = 'string'): Uint8Array {
  switch (type) {
    case 'string':
      return stringKey(text);
    case 'json':
      return jsonKey(text);
    case 'base64url':
      return base64urlKey(text);
  }
}

function jsonKey(text: string): Uint8Array {
  if (text.length > MAX_JSON_LENGTH) {
    throw new KvorumError('key-too-long', `a key has at most ${MAX_JSON_LENGTH} characters of JSON`, {
      field: 'key',
      limit: MAX_JSON_LENGTH,
    });
  }
  return encodeKey(parseStrictJson(text, { field: 'key', maxDepth: MAX_KEY_DEPTH }));
}

function base64urlKey(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  // One text per key: no padding, no blanks, no bits left over at the end.
  if (!BASE64URL.test(text) || bytes.toString('base64url') !== text) {
    throw new KvorumError('invalid-request', 'the key is not unpadded base64url', { field: 'key' });
  }
  return bytesKey(bytes);
}
