/** The bytes of fields of comparisons and steps, with their bounds (`program-codec.ts`). */
import { isTooLong } from './bounds.js';
import { WireError, type ByteReader, type ByteWriter } from './byte-buffer.js';
import { FORMATS, namesOf, unknownNumber, type Format } from './formats.js';
import {
  isInNamespace,
  isNamespaceName,
  namespaceBytesOf,
  namespaceNameOf,
  type NamespaceLimits,
} from './namespace.js';
import type { Expiry, Step } from './program.js';

/** Longest time to live: 10 years. */
export const MAX_TTL_MS = 10 * 366 * 24 * 3_600_000;

const EXPIRIES = FORMATS.expiry.numbers satisfies Record<Expiry['type'], number>;
const EXPIRY_NAMES = namesOf(FORMATS.expiry);

const HAS_MIN = 1;
const HAS_MAX = 2;
const CLAMPS = 4;
/** In steps that set a deadline. */
export const HAS_TTL = 8;
const HAS_MAX_KEYS = 1;
const HAS_MAX_BYTES = 2;

export function nameOf<Name extends string>(format: Format, names: readonly Name[], number: number): Name {
  const name = names[number];
  if (name === undefined) throw new WireError(unknownNumber(format, number));
  return name;
}

export function writeKey(out: ByteWriter, key: Uint8Array): void {
  checkKey(key);
  out.shortBytes(key);
}

export function readKey(input: ByteReader): Uint8Array {
  const key = input.shortBytes();
  checkKey(key);
  return key;
}

function checkKey(key: Uint8Array): void {
  if (key.length < 1 || isTooLong(key)) throw new WireError(`a key of ${key.length} bytes`);
  if (isInNamespace(key) && !isNamespaceName(namespaceNameOf(key)))
    throw new WireError('a namespace has no valid name');
}

/** A namespace is a thing of its own, and no key; its steps have neither conditions nor records to answer with. */
export function checkStep({ type, key, condition, returning }: Step): void {
  const isOfNamespace = type === 'namespace-put' || type === 'namespace-delete';
  const isItself = isInNamespace(key) && namespaceBytesOf(key) === key.length;
  // A range may begin at the first key of a namespace.
  if (type === 'delete-range') return;
  if (isOfNamespace !== isItself) throw new WireError(`a step ${type} on ${isItself ? 'a namespace' : 'a key'}`);
  if (isOfNamespace && (condition.type !== 'none' || returning !== 'nothing')) {
    throw new WireError('a step on a namespace has no condition');
  }
}

export function writeLimits(out: ByteWriter, { maxKeys, maxBytes }: NamespaceLimits): void {
  out.u8((maxKeys === undefined ? 0 : HAS_MAX_KEYS) | (maxBytes === undefined ? 0 : HAS_MAX_BYTES));
  if (maxKeys !== undefined) out.u48(maxKeys);
  if (maxBytes !== undefined) out.u48(maxBytes);
}

export function readLimits(input: ByteReader): NamespaceLimits {
  const flags = input.flags(HAS_MAX_KEYS | HAS_MAX_BYTES);
  const maxKeys = (flags & HAS_MAX_KEYS) === 0 ? undefined : input.u48();
  return { maxKeys, maxBytes: (flags & HAS_MAX_BYTES) === 0 ? undefined : input.u48() };
}

export function writeIncrement(out: ByteWriter, step: Extract<Step, { type: 'increment' }>): void {
  const { by, initial, min, max, clamp, ttlMs } = step;
  const bounds = (min === undefined ? 0 : HAS_MIN) | (max === undefined ? 0 : HAS_MAX);
  out.u8(bounds | (clamp ? CLAMPS : 0) | (ttlMs === undefined ? 0 : HAS_TTL));
  out.i64(by);
  out.i64(initial);
  if (min !== undefined) out.i64(min);
  if (max !== undefined) out.i64(max);
  if (ttlMs !== undefined) out.u48(checkedTtl(ttlMs));
}

export function readIncrement(input: ByteReader, base: Pick<Step, 'key' | 'condition' | 'returning'>): Step {
  const flags = input.flags(HAS_MIN | HAS_MAX | CLAMPS | HAS_TTL);
  const by = input.i64();
  const initial = input.i64();
  const min = (flags & HAS_MIN) === 0 ? undefined : input.i64();
  const max = (flags & HAS_MAX) === 0 ? undefined : input.i64();
  const ttlMs = (flags & HAS_TTL) === 0 ? undefined : checkedTtl(input.u48());
  return { type: 'increment', ...base, by, initial, min, max, clamp: (flags & CLAMPS) !== 0, ttlMs };
}

export function writeExpiry(out: ByteWriter, expiry: Expiry): void {
  out.u8(EXPIRIES[expiry.type]);
  if (expiry.type === 'after') out.u48(checkedTtl(expiry.ms));
}

export function readExpiry(input: ByteReader): Expiry {
  const type = nameOf(FORMATS.expiry, EXPIRY_NAMES, input.u8());
  return type === 'after' ? { type, ms: checkedTtl(input.u48()) } : { type };
}

export function checkedTtl(ms: number): number {
  if (!(ms >= 1 && ms <= MAX_TTL_MS)) throw new WireError(`a time to live of ${ms} ms`);
  return ms;
}
