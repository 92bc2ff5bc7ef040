/**
 * Primitives of frames, and of the programs in commands: `ByteWriter` appends to a growing buffer, `ByteReader` reads a
 * received one and refuses malformed bytes.
 *
 * All numbers are little-endian. Integers that may grow without limit (terms, indexes, revisions, request ids) are 48
 * bits wide: the width itself bounds the values that a peer can send, and NaN, fractions, negatives and 1e309 cannot be
 * encoded.
 */
import { binaryString, MAX_U48 } from './big-endian.js';
import { isPrintableAscii } from './bounds.js';

/** Received bytes are not a valid frame, or a message to be sent does not fit into one. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/**
 * Exclusive upper bound of every term, index, revision and id on the wire. Greater ones cannot be encoded, and are
 * never reached: a shard with 100,000 writes a second has its 2^48th entry after 89 years, and a group that elects a
 * leader a thousand times a second has that term after 8,900. Request ids wrap at 2^32.
 */
export const WIRE_INTEGER_LIMIT = MAX_U48 + 1;

const HIGH = 2 ** 32;
/** Frames are cut from chunks, so that most need no allocation; a quiet link keeps a small chunk. */
const MIN_CHUNK_BYTES = 4 * 1024;
const MAX_CHUNK_BYTES = 128 * 1024;
const FRAMES_PER_CHUNK = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws WireError for a value that does not fit into 48 bits. */
export function checkWireInteger(value: number): void {
  check(value, WIRE_INTEGER_LIMIT);
}

function check(value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new WireError(`${value} is not an integer in [0, ${limit})`);
  }
}

/**
 * Appends to one buffer that grows; `take` returns the bytes written since the last `take`. Returned bytes are never
 * overwritten, so they may wait in a socket's queue for any time.
 */
export class ByteWriter {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  /** Position of the next byte. */
  at = 0;
  #start = 0;

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.at - this.#start;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const kept = this.bytes.subarray(this.#start, this.at);
    const wanted = kept.length + count;
    const chunk = Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, FRAMES_PER_CHUNK * wanted));
    const size = Math.max(chunk, 2 * wanted);
    const buffer = Buffer.allocUnsafeSlow(size).buffer;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.bytes.set(kept);
    this.at = kept.length;
    this.#start = 0;
  }

  /** Discards all but the first `length` bytes since the last `take`. */
  rewind(length: number): void {
    this.at = this.#start + length;
  }

  take(): Uint8Array {
    const taken = this.bytes.subarray(this.#start, this.at);
    this.#start = this.at;
    return taken;
  }

  /** As `take`, but copied out of the chunk; their place is written to again. */
  takeCopy(): Uint8Array {
    const { length } = this;
    // From Node's pool if it is short: a buffer of its own would take longer than all that is done with most of them.
    const { buffer, byteOffset } = Buffer.allocUnsafe(length);
    const taken = new Uint8Array(buffer, byteOffset, length);
    taken.set(this.bytes.subarray(this.#start, this.at));
    this.at = this.#start;
    return taken;
  }

  u8(value: number): void {
    check(value, 0x100);
    this.reserve(1);
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  u16(value: number): void {
    check(value, 0x10000);
    this.reserve(2);
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    check(value, HIGH);
    this.reserve(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  u48(value: number): void {
    check(value, WIRE_INTEGER_LIMIT);
    this.reserve(6);
    this.view.setUint32(this.at, value % HIGH, true);
    this.view.setUint16(this.at + 4, Math.floor(value / HIGH), true);
    this.at += 6;
  }

  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** @throws WireError for a value that does not fit into 64 bits with a sign */
  i64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new WireError(`${value} does not fit into 64 bits`);
    this.reserve(8);
    this.view.setBigInt64(this.at, value, true);
    this.at += 8;
  }

  /** Bytes without a length before them. */
  raw(data: Uint8Array): void {
    this.reserve(data.length);
    this.bytes.set(data, this.at);
    this.at += data.length;
  }

  /** Length u16, then the bytes. */
  shortBytes(data: Uint8Array): void {
    this.u16(data.length);
    this.raw(data);
  }

  /** Length u32, then the bytes. */
  longBytes(data: Uint8Array): void {
    this.u32(data.length);
    this.raw(data);
  }

  /** Length u8, then printable ASCII. */
  ascii(text: string): void {
    this.u8(text.length);
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (!isPrintableAscii(code)) throw new WireError('a text is not printable ASCII');
      this.bytes[this.at + i] = code;
    }
    this.at += text.length;
  }

  /** Length u32, then UTF-8. */
  text(text: string): void {
    this.longBytes(Buffer.from(text, 'utf8'));
  }
}

/** Not in use. As many as encoders are called within each other. */
const spareWriters: ByteWriter[] = [];

/**
 * A writer for bytes that stay on their own, such as a row or an answer, to be ended by `finish`. The chunk of a new
 * one would cost more than most of them, and be kept as long as any of them.
 */
export const borrowWriter = (): ByteWriter => spareWriters.pop() ?? new ByteWriter();

/** The bytes that were written, in a buffer of their length or, if short, in Node's pool. The writer must not be used any more. */
export function finish(out: ByteWriter): Uint8Array {
  const bytes = out.takeCopy();
  if (out.bytes.length <= MAX_CHUNK_BYTES) spareWriters.push(out);
  return bytes;
}

/**
 * Reads a received buffer from front to end. Byte strings are returned as views into it, not copied: a caller that
 * keeps a small one for long must copy it, or the whole frame stays in memory.
 * @throws WireError from every method when the buffer ends too early or contains bytes that no writer writes.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    // A Uint8Array even if it was a Buffer, because its views are cheaper to create.
    this.bytes = Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes;
  }

  /** For what is rare: most readers are short-lived, and creating a DataView takes longer than a few integers. */
  get view(): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  /** Skips `count` bytes and returns where they start. */
  skip(count: number): number {
    const at = this.at;
    if (count > this.bytes.length - at) throw new WireError(`truncated at byte ${at}: ${count} more were announced`);
    this.at = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.skip(1)] ?? 0;
  }

  u16(): number {
    return this.#u16(this.skip(2));
  }

  u32(): number {
    return this.#u32(this.skip(4));
  }

  u48(): number {
    const at = this.skip(6);
    return this.#u32(at) + this.#u16(at + 4) * HIGH;
  }

  f64(): number {
    return this.view.getFloat64(this.skip(8), true);
  }

  i64(): bigint {
    return this.view.getBigInt64(this.skip(8), true);
  }

  /** A byte that may only have bits of `allowed` set. */
  flags(allowed: number): number {
    const value = this.u8();
    if ((value & ~allowed) !== 0) throw new WireError(`unknown flags ${value}`);
    return value;
  }

  raw(count: number): Uint8Array {
    const at = this.skip(count);
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + at, count);
  }

  shortBytes(): Uint8Array {
    return this.raw(this.u16());
  }

  longBytes(): Uint8Array {
    return this.raw(this.u32());
  }

  ascii(): string {
    const from = this.skip(this.u8());
    for (let at = from; at < this.at; at += 1) {
      if (!isPrintableAscii(this.bytes[at] ?? 0)) throw new WireError('a text is not printable ASCII');
    }
    return binaryString(this.bytes, from, this.at);
  }

  text(): string {
    const bytes = this.longBytes();
    try {
      return utf8.decode(bytes);
    } catch {
      throw new WireError('a text is not UTF-8');
    }
  }

  #u16(at: number): number {
    const { bytes } = this;
    return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  }

  #u32(at: number): number {
    const { bytes } = this;
    const high = ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | high) >>> 0;
  }
}

/** Up to so many items a list is made for all of them at once; a number in a damaged frame must not make a longer one. */
const MOST_AT_ONCE = 64;

/** Faster than `Array.from`, above all for none. A list that grows has room for 17 at once, and most have one or two. */
export function readTimes<Item>(count: number, input: ByteReader, read: (input: ByteReader) => Item): Item[] {
  const items = new Array<Item>(Math.min(count, MOST_AT_ONCE));
  for (let at = 0; at < count; at += 1) items[at] = read(input);
  return items;
}
