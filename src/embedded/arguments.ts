/** Checks of what callers without types may pass: a wrong type is a TypeError, a wrong number a RangeError. */
import {
  MAX_TTL_MS,
  isRevision,
  isStaleness,
  isTtl,
  parseDuration,
  parseTtl,
  type Condition,
  type Expiry,
  type Get,
} from '../shard/index.js';
import type { DeleteOptions, GetOptions, PutOptions } from './entries.js';

/** @throws TypeError if `options` is no object, or has a name that is not known */
export function checkNames(options: object, known: readonly string[]): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`options must be an object, got ${String(given)}`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no option ${unknown}; there are ${known.join(', ')}`);
}

/** @throws RangeError for a time to live that is none */
export function ttlOf(ttl: unknown): number {
  const ms = typeof ttl === 'string' ? parseTtl(ttl) : ttl;
  if (typeof ms === 'number' && isTtl(ms)) return ms;
  const wanted = `whole milliseconds from 1 to ${MAX_TTL_MS} (10 years), or text such as 250ms, 30s, 15m, 24h, 7d`;
  throw new RangeError(`ttl must be ${wanted}, got ${String(ttl)}`);
}

/** @throws TypeError for a bound of a read that is not stale, or for no consistency; RangeError for what is no bound */
export function readOptionsOf(options: GetOptions): Pick<Get, 'consistency' | 'bound'> {
  checkNames(options, ['consistency', 'minRevision', 'maxStaleness']);
  const { minRevision, maxStaleness } = options;
  const consistency: unknown = options.consistency ?? 'linearizable';
  if (consistency !== 'linearizable' && consistency !== 'stale') {
    throw new TypeError(`consistency must be linearizable or stale, got ${String(consistency)}`);
  }
  if (minRevision === undefined && maxStaleness === undefined) return { consistency };
  if (consistency !== 'stale') {
    const name = minRevision === undefined ? 'maxStaleness' : 'minRevision';
    throw new TypeError(`${name} is only for reads with consistency stale`);
  }
  const bound = {
    ...(minRevision !== undefined && { minRevision: revisionOf('minRevision', minRevision) }),
    ...(maxStaleness !== undefined && { maxStalenessMs: stalenessOf(maxStaleness) }),
  };
  return { consistency, bound };
}

function stalenessOf(staleness: unknown): number {
  const ms = typeof staleness === 'string' ? parseDuration(staleness) : staleness;
  if (typeof ms === 'number' && isStaleness(ms)) return ms;
  const wanted = 'whole milliseconds from 1 to 86400000 (24 h), or text such as 500ms or 30s';
  throw new RangeError(`maxStaleness must be ${wanted}, got ${String(staleness)}`);
}

export function expiryOf(ttl: unknown): Expiry {
  if (ttl === undefined) return { type: 'none' };
  return ttl === 'keep' ? { type: 'keep' } : { type: 'after', ms: ttlOf(ttl) };
}

/** @throws TypeError for two conditions, RangeError for what is no revision */
export function conditionOf({
  ifRevision,
  ifAbsent,
}: Pick<PutOptions & DeleteOptions, 'ifRevision' | 'ifAbsent'>): Condition {
  const absent = flag('ifAbsent', ifAbsent);
  if (ifRevision === undefined) return { type: absent ? 'absent' : 'none' };
  if (absent) throw new TypeError('ifRevision and ifAbsent exclude each other');
  return { type: 'revision', revision: revisionOf('ifRevision', ifRevision) };
}

export function revisionOf(name: string, value: unknown): number {
  if (typeof value === 'number' && isRevision(value)) return value;
  throw new RangeError(`${name} must be a whole number from 0 to 2^48−1, got ${String(value)}`);
}

export function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw new TypeError(`${name} must be true or false, got ${typeof value}`);
}

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

/** @throws RangeError for anything but an integer from −2^63 to 2^63−1 */
export function integerOf(name: string, value: unknown): bigint {
  const integer = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof integer === 'bigint' && integer >= MIN_INTEGER && integer <= MAX_INTEGER) return integer;
  const wanted = 'a bigint from −2^63 to 2^63−1, or a safe integer';
  throw new RangeError(`${name} must be ${wanted}, got ${String(value)}`);
}

export function optionalInteger(name: string, value: unknown): bigint | undefined {
  return value === undefined ? undefined : integerOf(name, value);
}
