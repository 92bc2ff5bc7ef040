/**
 * An incremental hash of a set: the sum of its members' hashes, in two lanes of 32 bits.
 *
 * Addition does not depend on the order, and subtraction removes a member; so each write updates the sum over all rows
 * at the cost of hashing its own row. It detects replicas that diverged; it does not protect against forged rows.
 */
import { hash64 } from '../keys/index.js';
import { readU32 } from '../big-endian.js';

/** Two lanes; all numbers unsigned, 32 bits. */
export class HashSum {
  high = 0;
  low = 0;

  add(high: number, low: number): void {
    this.high = (this.high + high) >>> 0;
    this.low = (this.low + low) >>> 0;
  }

  subtract(high: number, low: number): void {
    this.high = (this.high - high) >>> 0;
    this.low = (this.low - low) >>> 0;
  }

  set(high: number, low: number): void {
    this.high = high;
    this.low = low;
  }
}

const result = { high: 0, low: 0 };

/**
 * Hash of the bytes `from..to`, in plain arithmetic (the finaliser of MurmurHash3 as round, two lanes with different
 * constants): for short ranges, where creating a view would cost more. One object for all calls: to be read before the
 * next call.
 */
export function hashShort(bytes: Uint8Array, from: number, to: number): Readonly<{ high: number; low: number }> {
  let high = to - from;
  let low = ~high;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    const word = readU32(bytes, at);
    high = mix(high ^ word, 0x85ebca6b);
    low = mix(low + word, 0xc2b2ae35);
  }
  for (; at < to; at += 1) {
    const byte = bytes[at] ?? 0;
    high = mix(high ^ byte, 0x85ebca6b);
    low = mix(low + byte, 0xc2b2ae35);
  }
  result.high = mix(high, 0xc2b2ae35) >>> 0;
  result.low = mix(low, 0x85ebca6b) >>> 0;
  return result;
}

/**
 * Hash of a row with its key, so that swapping the rows of two keys changes the sum. To be read before the next call.
 */
export function hashRow(
  row: Uint8Array,
  keySource: Uint8Array,
  keyFrom: number,
  keyTo: number,
): Readonly<typeof result> {
  const { high, low } = hash64(row);
  hashShort(keySource, keyFrom, keyTo);
  result.high = mix(result.high ^ high, 0x85ebca6b) >>> 0;
  result.low = mix(result.low ^ low, 0xc2b2ae35) >>> 0;
  return result;
}

function mix(value: number, factor: number): number {
  const product = Math.imul(value ^ (value >>> 16), factor);
  return product ^ (product >>> 13);
}
