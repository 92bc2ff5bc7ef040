/**
 * Maps a key to its shard: xxHash64 of its encoding, modulo the number of shards.
 *
 * Number of shards and hash are fixed when a cluster is created; `test/shard/hash.test.ts` pins them with vectors. The
 * hash has no seed, so that any client can compute a shard; a client can therefore choose keys that are all in one
 * shard (limits per shard protect against that, not the hash).
 *
 * A string key may contain a hash tag: if its first `{` is followed by a `}` with text between them, only that text
 * decides the shard, as if it were the key. `{user42}:cart`, `{user42}:orders` and `user42` are in one shard.
 * The keys of a namespace are in that of its name.
 */
import xxhash from 'xxhash-wasm';
import { MAX_ENCODED_KEY_BYTES } from '../bounds.js';
import { KeyTag } from './format.js';
import { namespaceBytesOf } from '../namespace.js';

let loading: Promise<void> | undefined;
let xxh64: (bytes: Uint8Array) => bigint = () => {
  throw new Error('loadHash() must have settled before anything is hashed');
};

/** Compiles the hash. To be awaited once at start; further calls cost nothing. */
export function loadHash(): Promise<void> {
  loading ??= xxhash().then((api) => {
    xxh64 = (bytes) => api.h64Raw(bytes);
  });
  return loading;
}

// The library returns a bigint. Storing it in an array and reading two halves costs nothing; arithmetic on it
// would allocate (94 ns a hash against 220).
const wide = new BigUint64Array(1);
const halves = new Uint32Array(wide.buffer);
wide[0] = 1n;
const LOW = halves[0] === 1 ? 0 : 1;

/**
 * The hash computed last, as two unsigned 32-bit numbers. One object for all calls: to be read before the next call.
 */
export interface Hash64 {
  high: number;
  low: number;
}
const result: Hash64 = { high: 0, low: 0 };

/** xxHash64, seed 0. @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
export function hash64(bytes: Uint8Array): Readonly<Hash64> {
  wide[0] = xxh64(bytes);
  result.low = halves[LOW] ?? 0;
  result.high = halves[1 - LOW] ?? 0;
  return result;
}

/** The shard of an encoded key, 0..shardCount-1. `shardCount` is an integer in 1..65,536. */
export function shardOfKey(key: Uint8Array, shardCount: number): number {
  const { high, low } = hash64(decisivePart(key));
  // Exact: every intermediate value stays below 2^53.
  return ((high % shardCount) * (TWO_32 % shardCount) + low) % shardCount;
}
const TWO_32 = 2 ** 32;

/** The shard of all keys that begin with `prefix`, if that contains a namespace or a whole hash tag; undefined: they are in any. */
export function shardOfPrefix(prefix: Uint8Array, shardCount: number): number | undefined {
  return decisivePart(prefix) === prefix ? undefined : shardOfKey(prefix, shardCount);
}

/** The hash that decides the shard of a key, as 16 hex digits. */
export function keyHash(key: Uint8Array): string {
  const { high, low } = hash64(decisivePart(key));
  return hex64(high, low);
}

/** 16 hex digits. */
export const hex64 = (high: number, low: number): string =>
  high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');

const OPEN = 0x7b;
const CLOSE = 0x7d;
const tagKey = new Uint8Array(MAX_ENCODED_KEY_BYTES);
tagKey[0] = KeyTag.string;

/** The encoded key, or that of its hash tag; the name, with what stands around it, of its namespace. */
function decisivePart(key: Uint8Array): Uint8Array {
  if (key[0] !== KeyTag.string) return key[0] === KeyTag.namespace ? key.subarray(0, namespaceBytesOf(key)) : key;
  const open = key.indexOf(OPEN, 1);
  if (open === -1) return key;
  const close = key.indexOf(CLOSE, open + 1);
  if (close === -1 || close === open + 1) return key;
  const tag = key.subarray(open + 1, close);
  tagKey.set(tag, 1);
  return tagKey.subarray(0, tag.length + 1);
}
