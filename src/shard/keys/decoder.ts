/**
 * Decodes keys from their canonical bytes (layout in `format.ts`).
 *
 * Accepts exactly the output of `encodeKey`. Bytes are returned as Uint8Array, objects with the usual prototype,
 * members of objects, Maps and Sets in canonical order.
 */
import { KvorumError } from '../errors.js';
import { FORMATS, unknownNumber } from '../formats.js';
import { encodeKey } from './encoder.js';
import { MAX_ENCODED_KEY_BYTES } from '../bounds.js';
import { BigintSign, ESCAPE, KeyTag, MAX_KEY_DEPTH } from './format.js';

const malformed = (why = 'the bytes are not the canonical encoding of a key'): KvorumError =>
  new KvorumError('invalid-request', why, { field: 'key' });

/** @param key outside of namespaces (`userKeyOf`) @throws KvorumError `invalid-request` if the bytes are not the encoding of any value. */
export function decodeKey(key: Uint8Array): unknown {
  if (key.length === 0 || key.length > MAX_ENCODED_KEY_BYTES) throw malformed();
  const value = decodeTop(key);
  // Canonical means that the value encodes to the same bytes. Decoding is rare enough to check it this way.
  if (!Buffer.from(encodeAgain(value)).equals(key)) throw malformed();
  return value;
}

function decodeTop(key: Uint8Array): unknown {
  if (key[0] === KeyTag.string) return Buffer.from(key.subarray(1)).toString('utf8');
  if (key[0] === KeyTag.bytes) return new Uint8Array(key.subarray(1));
  const reader = new KeyReader(key);
  const value = reader.value(reader.byte(), 0);
  reader.finish();
  return value;
}

function encodeAgain(value: unknown): Uint8Array {
  try {
    return encodeKey(value);
  } catch {
    throw malformed();
  }
}

class KeyReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  finish(): void {
    if (this.#at !== this.#bytes.length) throw malformed();
  }

  byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed();
    this.#at += 1;
    return byte;
  }

  value(tag: number, depth: number): unknown {
    if (depth > MAX_KEY_DEPTH) throw malformed();
    switch (tag) {
      case KeyTag.undefined:
        return undefined;
      case KeyTag.null:
        return null;
      case KeyTag.false:
        return false;
      case KeyTag.true:
        return true;
      case KeyTag.number:
        return this.#double();
      case KeyTag.date:
        return new Date(this.#double());
      case KeyTag.bigint:
        return this.#bigint();
      case KeyTag.string:
        return this.#escaped().toString('utf8');
      case KeyTag.bytes:
        return new Uint8Array(this.#escaped());
      case KeyTag.array:
        return this.#values(depth);
      case KeyTag.object:
        return this.#object(depth);
      case KeyTag.map:
        return new Map(pairs(this.#values(depth)));
      case KeyTag.set:
        return new Set(this.#values(depth));
      case KeyTag.end:
      case KeyTag.namespace:
        throw malformed();
      default:
        throw malformed(unknownNumber(FORMATS.keyTag, tag));
    }
  }

  /** Values up to the end mark. */
  #values(depth: number): unknown[] {
    const values: unknown[] = [];
    for (;;) {
      const tag = this.byte();
      if (tag === KeyTag.end) return values;
      values.push(this.value(tag, depth + 1));
    }
  }

  #object(depth: number): unknown {
    const entries = pairs(this.#values(depth)).map(([name, value]): [string, unknown] => {
      if (typeof name !== 'string') throw malformed();
      return [name, value];
    });
    // Defines the fields instead of assigning them, so that `__proto__` is a name like any other.
    return Object.fromEntries(entries);
  }

  #double(): number {
    const end = this.#at + 8;
    if (end > this.#bytes.length) throw malformed();
    const bits = Buffer.from(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    const positive = bits.readUInt8(0) >= 0x80;
    for (const [at, byte] of bits.entries()) bits[at] = byte ^ (positive ? 0 : 0xff);
    if (positive) bits.writeUInt8(bits.readUInt8(0) ^ 0x80, 0);
    return bits.readDoubleBE(0);
  }

  #bigint(): bigint {
    const sign = this.byte();
    if (sign === BigintSign.zero) return 0n;
    if (sign > BigintSign.positive) throw malformed();
    const flip = sign === BigintSign.negative ? 0xff : 0;
    const length = ((this.byte() ^ flip) << 8) | (this.byte() ^ flip);
    if (length === 0) throw malformed();
    let hex = '0x';
    for (let count = 0; count < length; count += 1) hex += (this.byte() ^ flip).toString(16).padStart(2, '0');
    return sign === BigintSign.negative ? -BigInt(hex) : BigInt(hex);
  }

  #escaped(): Buffer {
    const bytes: number[] = [];
    for (;;) {
      const byte = this.byte();
      if (byte === 0) {
        if (this.#bytes[this.#at] !== ESCAPE) return Buffer.from(bytes);
        this.#at += 1;
      }
      bytes.push(byte);
    }
  }
}

function pairs(values: readonly unknown[]): [unknown, unknown][] {
  if (values.length % 2 !== 0) throw malformed();
  const result: [unknown, unknown][] = [];
  for (let at = 0; at < values.length; at += 2) result.push([values[at], values[at + 1]]);
  return result;
}
