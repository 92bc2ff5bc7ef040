/**
 * Reads and writes big-endian integers in commands, rows and keys, and converts bytes to binary strings. Uses plain
 * loops, because creating a DataView per row costs more than the reads.
 *
 * `byte-buffer.ts` and `raft/codec.ts` are separate codecs, because the byte order is part of each format and
 * cannot change: both are little-endian, over one DataView per frame or journal row; the first checks every integer
 * that it reads or writes, the second has 53-bit integers, and `raft` may not import from `shard`.
 */

/** The largest integer that fits in six bytes; as milliseconds, the year 10889. */
export const MAX_U48 = 2 ** 48 - 1;
const TWO_32 = 2 ** 32;

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

export function readU48(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)) * TWO_32 + readU32(bytes, at + 2);
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** `value`: an integer in 0..`MAX_U48`. */
export function writeU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  writeU32(bytes, at + 2, (value - high * TWO_32) >>> 0);
}

/**
 * Copies `source[from..to)` to `target[at..)`. Below about 64 bytes a loop is faster than `set`, which needs a view of
 * the source.
 */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, from: number, to: number): void {
  if (to - from > 64) target.set(source.subarray(from, to), at);
  else for (let step = 0; from + step < to; step += 1) target[at + step] = source[from + step] ?? 0;
}

/** Buffer has this method in every version of Node, for any bytes; it is only missing from the types. */
const { latin1Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, from: number, to: number) => string;
};

/** One char per byte. Same result as `toString('latin1')`, but faster: 90 ns against 130. */
export const binaryString = (bytes: Uint8Array, from: number, to: number): string => latin1Slice.call(bytes, from, to);
