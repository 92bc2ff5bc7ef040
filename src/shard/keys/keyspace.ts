/**
 * The door to keys. A key is any value of plain data in one canonical, order-preserving encoding; the limits count
 * the payload, so that a string key of 4,096 bytes of UTF-8 is accepted although its encoding has one byte more, and
 * the empty string although its payload is none.
 *
 * Knows no shard: which one holds a key is said by `hash.ts`.
 */
export { decodeKey } from './decoder.js';
export { bytesKey, encodeKey, stringKey } from './encoder.js';
export { MAX_KEY_DEPTH } from './format.js';
export { isKeyType, type KeyType, parseKeyText } from './text.js';
