/**
 * Cursors of lists: where the next page begins, as text that only fits the cluster and the query that it was made for.
 *
 * base64url of: version, xxHash64 of everything else and of cluster and query, the bound.
 */
import { hash64, MAX_BOUND_BYTES } from '../../shard/index.js';
import { invalid } from '../http/index.js';

const VERSION = 1;
const HASH_BYTES = 8;
const HEAD_BYTES = 1 + HASH_BYTES;

/** @param scope what the cursor belongs to: cluster and query */
export function encodeCursor(bound: Uint8Array, scope: string): string {
  return Buffer.concat([Uint8Array.of(VERSION), checkOf(bound, scope), bound]).toString('base64url');
}

/** @throws KvorumError `invalid-request` for any text that `encodeCursor` did not give for this scope */
export function decodeCursor(text: string, scope: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  const bound = bytes.subarray(HEAD_BYTES);
  const isWhole = bytes.toString('base64url') === text && bound.length >= 1 && bound.length <= MAX_BOUND_BYTES;
  if (!isWhole || bytes[0] !== VERSION || !checkOf(bound, scope).equals(bytes.subarray(1, HEAD_BYTES))) {
    throw invalid('cursor', 'expected a cursor that this cluster gave for the same range');
  }
  return bound;
}

function checkOf(bound: Uint8Array, scope: string): Buffer {
  const { high, low } = hash64(Buffer.concat([Buffer.from(scope), Uint8Array.of(0), bound]));
  const check = Buffer.alloc(HASH_BYTES);
  check.writeUInt32BE(high, 0);
  check.writeUInt32BE(low, 4);
  return check;
}
