/** Row keys of records, and the keys that a read concerns. */
import type { StateKey } from '../../raft/index.js';
import { binaryString } from '../big-endian.js';
import { MAX_BOUND_BYTES } from '../bounds.js';
import type { Get, ReadProgram } from '../operation.js';
import { decodeProgram } from '../program-codec.js';

/** Keys that the read looks at. */
export function keysOf(read: Get | ReadProgram): readonly Uint8Array[] {
  if (read.type === 'get') return [read.key];
  const { comparisons, then, otherwise } = decodeProgram(read.body);
  return [...comparisons, ...then, ...otherwise].map(({ key }) => key);
}

const rowKeyBytes = Buffer.alloc(1 + MAX_BOUND_BYTES);
const SHORT_KEY = 48;

/** @param key at most `MAX_BOUND_BYTES` */
export function rowKeyOf(key: Uint8Array): StateKey {
  const length = key.length;
  if (length > SHORT_KEY) rowKeyBytes.set(key, 1);
  else for (let at = 0; at < length; at += 1) rowKeyBytes[at + 1] = key[at] ?? 0;
  return binaryString(rowKeyBytes, 0, length + 1);
}
