/**
 * Keys: any plain data in one canonical, order-preserving encoding, which is hashed to a shard.
 *
 * Limits count the payload: a string key of 4,096 bytes of UTF-8 is accepted although its encoding is one byte longer,
 * and so is the empty string, which is the tag byte alone.
 */
export { decodeKey } from './decoder.js';
export { bytesKey, encodeKey, stringKey } from './encoder.js';
export { MAX_KEY_DEPTH } from './format.js';
export { hash64, hex64, keyHash, loadHash, shardOfKey, shardOfPrefix } from './hash.js';
export { behindKey, FIRST_KEY, prefixEndOf, prefixKey } from './range.js';
export { isKeyType, type KeyType, parseKeyText } from './text.js';
