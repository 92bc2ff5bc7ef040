/**
 * Encodes keys into canonical, order-preserving bytes (layout in `format.ts`; the inverse is `decoder.ts`).
 *
 * Two values are the same key if and only if their encodings are equal:
 * - `1`, `1n`, `"1"` and the byte 0x31 are four keys; `-0` and `0` are one, and so is every NaN, as in a Map;
 * - a Buffer, a Uint8Array and an ArrayBuffer with the same bytes are one key;
 * - objects, Maps and Sets are compared by content, whatever their insertion order;
 * - `{a: undefined}` and `{}` are two keys; a hole in an array counts as undefined;
 * - the empty string and empty bytes are two keys like any other: a tag and nothing, first among the keys of their
 *   type.
 *
 * Values that cannot be compared by content are refused with a TypeError rather than encoded in part: functions,
 * symbols, class instances, other typed arrays, cycles, members of a Map or Set that are equal as keys.
 */
import { types } from 'node:util';
import { KvorumError } from '../errors.js';
import { MAX_ENCODED_KEY_BYTES, MAX_KEY_BYTES } from '../bounds.js';
import { BigintSign, ESCAPE, KeyTag, MAX_KEY_DEPTH } from './format.js';

const FIELD = { field: 'key' };
/** With the `u` flag a well-paired surrogate is one code point, so this finds only lone ones. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Up to this length a loop is faster than the call into the runtime. */
const SHORT_STRING = 48;
/** The smallest bigint whose magnitude fits in no key; comparing is cheap, converting a huge one is not. */
const BIGINT_LIMIT = 1n << BigInt(8 * MAX_KEY_BYTES);
const CANONICAL_NAN = 0x7ff8_0000_0000_0000n;

const tooLong = (): KvorumError =>
  new KvorumError('key-too-long', `a key has at most ${MAX_KEY_BYTES} bytes`, { ...FIELD, limit: MAX_KEY_BYTES });
const loneSurrogate = (): KvorumError =>
  new KvorumError('invalid-request', 'the key holds a lone surrogate, which has no UTF-8', FIELD);

/**
 * Encodes any key, into a new buffer of 1 to 4,097 bytes.
 * @throws TypeError for what cannot be a key; KvorumError `key-too-long`, or `invalid-request` for a lone surrogate.
 */
export function encodeKey(value: unknown): Uint8Array {
  if (typeof value === 'string') return stringKey(value);
  const bytes = asBytes(value);
  if (bytes !== undefined) return bytesKey(bytes);
  const writer = new KeyWriter();
  writer.value(value);
  return writer.finish();
}

/** `encodeKey` for a string. */
export function stringKey(text: string): Uint8Array {
  const length = text.length;
  if (length > SHORT_STRING) return longStringKey(text);
  const key = Buffer.allocUnsafe(length + 1);
  key[0] = KeyTag.string;
  for (let at = 0; at < length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return longStringKey(text);
    key[at + 1] = unit;
  }
  return key;
}

function longStringKey(text: string): Uint8Array {
  const length = utf8Length(text);
  const key = Buffer.allocUnsafe(length + 1);
  key[0] = KeyTag.string;
  key.write(text, 1, 'utf8');
  return key;
}

/** Length in UTF-8 of a string that fits in a key. */
function utf8Length(text: string): number {
  if (text.length > MAX_KEY_BYTES) throw tooLong();
  const length = Buffer.byteLength(text, 'utf8');
  if (length > MAX_KEY_BYTES) throw tooLong();
  // As many bytes as code units: the text is all ASCII.
  if (length !== text.length && LONE_SURROGATE.test(text)) throw loneSurrogate();
  return length;
}

/** `encodeKey` for bytes. */
export function bytesKey(bytes: Uint8Array): Uint8Array {
  // Bytes that were transferred to another thread look empty; they must not be taken for the empty key.
  if (bytes.length === 0 && isDetached(bytes.buffer)) throw new TypeError('a key cannot hold a detached buffer');
  if (bytes.length > MAX_KEY_BYTES) throw tooLong();
  const key = Buffer.allocUnsafe(bytes.length + 1);
  key[0] = KeyTag.bytes;
  key.set(bytes, 1);
  return key;
}

/** Creating a view of a detached buffer throws. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    return new Uint8Array(buffer).buffer !== buffer;
  } catch {
    return true;
  }
}

function asBytes(value: unknown): Uint8Array | undefined {
  if (types.isUint8Array(value)) return value;
  if (types.isAnyArrayBuffer(value)) return new Uint8Array(value);
  return undefined;
}

/** An object literal, `Object.create(null)`, or such an object from another realm; not an instance of a class. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

function nameOf(value: object): string {
  const constructor: unknown = (value as { constructor?: unknown }).constructor;
  return typeof constructor === 'function' && constructor.name !== ''
    ? `an instance of ${constructor.name}`
    : 'an object';
}

class KeyWriter {
  #bytes = Buffer.allocUnsafe(128);
  #length = 0;
  readonly #ancestors: object[] = [];

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  value(value: unknown): void {
    switch (typeof value) {
      case 'undefined':
        this.#byte(KeyTag.undefined);
        return;
      case 'boolean':
        this.#byte(value ? KeyTag.true : KeyTag.false);
        return;
      case 'number':
        this.#double(KeyTag.number, value);
        return;
      case 'bigint':
        this.#bigint(value);
        return;
      case 'string':
        this.#innerString(value);
        return;
      case 'object':
        if (value === null) this.#byte(KeyTag.null);
        else this.#object(value);
        return;
      case 'function':
      case 'symbol':
        throw new TypeError(`a key cannot hold a ${typeof value}`);
    }
  }

  #object(value: object): void {
    const bytes = asBytes(value);
    if (bytes !== undefined) {
      this.#byte(KeyTag.bytes);
      this.#escaped(bytes);
    } else if (types.isDate(value)) this.#double(KeyTag.date, value.getTime());
    else this.#collection(value);
  }

  #collection(value: object): void {
    if (this.#ancestors.includes(value)) throw new TypeError('a key cannot hold itself');
    if (this.#ancestors.length === MAX_KEY_DEPTH) {
      throw new TypeError(`a key cannot be nested more than ${MAX_KEY_DEPTH} deep`);
    }
    this.#ancestors.push(value);
    if (Array.isArray(value)) {
      this.#byte(KeyTag.array);
      for (let at = 0; at < value.length; at += 1) this.value(value[at]);
      this.#byte(KeyTag.end);
    } else if (types.isMap(value)) this.#entries(KeyTag.map, value);
    else if (types.isSet(value)) this.#members(value);
    else if (isPlain(value)) this.#plainObject(value);
    else throw new TypeError(`a key cannot hold ${nameOf(value)}; make it a plain object, array, Map or Set`);
    this.#ancestors.pop();
  }

  #plainObject(value: object): void {
    if (Object.getOwnPropertySymbols(value).length > 0) throw new TypeError('a key cannot hold a symbol');
    const fields = value as Record<string, unknown>;
    const entries = function* (): Iterable<readonly [string, unknown]> {
      for (const name of Object.keys(fields)) yield [name, fields[name]];
    };
    this.#entries(KeyTag.object, entries());
  }

  #entries(tag: number, entries: Iterable<readonly [unknown, unknown]>): void {
    this.#byte(tag);
    const start = this.#length;
    const parts: Part[] = [];
    for (const [name, value] of entries) {
      const from = this.#length;
      this.value(name);
      const middle = this.#length;
      this.value(value);
      parts.push({ name: this.#copy(from, middle), value: this.#copy(middle, this.#length) });
    }
    this.#sorted(start, parts);
  }

  #members(members: Iterable<unknown>): void {
    this.#byte(KeyTag.set);
    const start = this.#length;
    const parts: Part[] = [];
    for (const member of members) {
      const from = this.#length;
      this.value(member);
      parts.push({ name: this.#copy(from, this.#length), value: NOTHING });
    }
    this.#sorted(start, parts);
  }

  /** Rewrites the bytes after `start` in the order of the names. */
  #sorted(start: number, parts: Part[]): void {
    parts.sort((a, b) => Buffer.compare(a.name, b.name));
    this.#length = start;
    let previous: Buffer = NOTHING;
    for (const { name, value } of parts) {
      if (name.equals(previous)) throw new TypeError('a key cannot hold a Map or Set with two members that are equal');
      this.#raw(name);
      this.#raw(value);
      previous = name;
    }
    this.#byte(KeyTag.end);
  }

  #double(tag: number, value: number): void {
    this.#reserve(9);
    this.#bytes[this.#length] = tag;
    const at = this.#length + 1;
    // `+ 0` turns -0 into 0; JavaScript allows any payload in a NaN, so its canonical encoding is written explicitly.
    this.#bytes.writeDoubleBE(value + 0, at);
    if (Number.isNaN(value)) this.#bytes.writeBigUInt64BE(CANONICAL_NAN, at);
    const high = this.#bytes.readUInt32BE(at);
    const low = this.#bytes.readUInt32BE(at + 4);
    const negative = high >>> 31 === 1;
    this.#bytes.writeUInt32BE((negative ? ~high : high ^ 0x80000000) >>> 0, at);
    this.#bytes.writeUInt32BE((negative ? ~low : low) >>> 0, at + 4);
    this.#length += 9;
  }

  #bigint(value: bigint): void {
    this.#byte(KeyTag.bigint);
    if (value === 0n) {
      this.#byte(BigintSign.zero);
      return;
    }
    const negative = value < 0n;
    const magnitude = negative ? -value : value;
    if (magnitude >= BIGINT_LIMIT) throw tooLong();
    const hex = magnitude.toString(16);
    const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
    const flip = negative ? 0xff : 0;
    this.#byte(negative ? BigintSign.negative : BigintSign.positive);
    this.#byte((digits.length >>> 8) ^ flip);
    this.#byte((digits.length & 0xff) ^ flip);
    for (const digit of digits) this.#byte(digit ^ flip);
  }

  #innerString(text: string): void {
    utf8Length(text);
    this.#byte(KeyTag.string);
    this.#escaped(Buffer.from(text, 'utf8'));
  }

  #escaped(bytes: Uint8Array): void {
    if (bytes.length > MAX_KEY_BYTES) throw tooLong();
    for (const byte of bytes) {
      this.#byte(byte);
      if (byte === 0) this.#byte(ESCAPE);
    }
    this.#byte(KeyTag.end);
  }

  #copy(from: number, to: number): Buffer {
    return Buffer.from(this.#bytes.subarray(from, to));
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed > MAX_ENCODED_KEY_BYTES) throw tooLong();
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

interface Part {
  readonly name: Buffer;
  readonly value: Buffer;
}
const NOTHING = Buffer.alloc(0);
