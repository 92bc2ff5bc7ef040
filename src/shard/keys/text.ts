/**
 * Parses keys from text: from the rest of a URL path, percent-decoded once, to an encoded key.
 *
 * The router percent-decodes, and refuses invalid UTF-8 and a path without a key. Here an empty text is the empty
 * string, or empty bytes; as JSON it is an error, and the empty string is `""`.
 */
import { KvorumError } from '../errors.js';
import { bytesKey, encodeKey, stringKey } from './encoder.js';
import { MAX_KEY_BYTES } from '../bounds.js';
import { MAX_KEY_DEPTH } from './format.js';
import { strictJsonError } from '../strict-json.js';

const KEY_TYPES = ['string', 'json', 'base64url'] as const;
export type KeyType = (typeof KEY_TYPES)[number];
export const isKeyType = (text: string): text is KeyType => (KEY_TYPES as readonly string[]).includes(text);

/** JSON may be six times as long as the string that it encodes (`\u0041`), and contain blanks. */
const MAX_JSON_LENGTH = 8 * MAX_KEY_BYTES;
const JSON_BOUNDS = { depth: MAX_KEY_DEPTH, members: Infinity, exactIntegers: true };
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
  const error = strictJsonError(Buffer.from(text), JSON_BOUNDS);
  if (error !== undefined) {
    throw new KvorumError('invalid-request', `the key is not valid JSON: ${error}`, { field: 'key' });
  }
  return encodeKey(JSON.parse(text));
}

function base64urlKey(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  // One text per key: no padding, no blanks, no unused bits at the end.
  if (!BASE64URL.test(text) || bytes.toString('base64url') !== text) {
    throw new KvorumError('invalid-request', 'the key is not unpadded base64url', { field: 'key' });
  }
  return bytesKey(bytes);
}
