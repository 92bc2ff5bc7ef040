/** Keys: their canonical encoding, which is hashed to a shard and ordered as the keys are. Knows no state and no node. */
export { hash64, hex64, keyHash, loadHash, shardOfKey } from './hash.js';
export { decodeKey, encodeKey, isKeyType, type KeyType, parseKeyText, stringKey } from './keyspace.js';
