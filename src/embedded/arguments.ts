/** Checks of what callers without types may pass: a wrong type is a TypeError, a wrong number a RangeError. */
import {
  MAX_TTL_MS,
  isRevision,
  isStaleness,
  isTtl,
  parseDuration,
  KvorumError,
  MAX_DELIMITER_BYTES,
  clientIdIn,
  parseTtl,
  type Condition,
  type Expiry,
  type Get,
  type Returning,
} from '../shard/index.js';
import { identityUnder, type Identity } from '../router/index.js';
import type { Conditions, GetOptions } from './entries.js';

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

export const READ_OPTIONS = ['consistency', 'maxStaleness', 'timeoutMs'];
export const ONCE_OPTIONS = ['idempotencyKey', 'timeoutMs'];

/** @throws TypeError for a bound of a read that is not stale, or for no consistency; RangeError for what is no bound */
export function readOptionsOf(options: GetOptions): Pick<Get, 'consistency' | 'bound'> {
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

export const CONDITIONS = ['ifRevision', 'ifAbsent', 'ifExists'];
const NO_CONDITION: Condition = { type: 'none' };

/** @throws TypeError for two conditions, RangeError for what is no revision */
export function conditionOf({ ifRevision, ifAbsent, ifExists }: Conditions): Condition {
  if (ifRevision === undefined && ifAbsent === undefined && ifExists === undefined) return NO_CONDITION;
  const [absent, exists] = [flag('ifAbsent', ifAbsent), flag('ifExists', ifExists)];
  if ([ifRevision !== undefined, absent, exists].filter(Boolean).length > 1) {
    throw new TypeError(`${CONDITIONS.join(', ')} exclude each other`);
  }
  if (ifRevision !== undefined) return { type: 'revision', revision: revisionOf('ifRevision', ifRevision) };
  if (absent) return { type: 'absent' };
  return exists ? { type: 'exists' } : NO_CONDITION;
}

/** @throws TypeError for what cannot be returned */
export function returningOf(returning: unknown): Returning {
  switch (returning) {
    case undefined:
      return 'nothing';
    case 'previous':
      return 'previous';
    case 'representation':
      return 'value';
    default:
      throw new TypeError(`returning must be previous or representation, got ${String(returning)}`);
  }
}

/**
 * The caller's id of a write, or else one that nobody has.
 * @throws TypeError for what is no text, KvorumError `invalid-request` for what is no UUID
 */
export function identityOf(idempotencyKey: unknown): Identity {
  if (idempotencyKey === undefined) return identityUnder(undefined);
  if (typeof idempotencyKey !== 'string') {
    throw new TypeError(`idempotencyKey must be the text of a UUID, got ${typeof idempotencyKey}`);
  }
  const id = clientIdIn(idempotencyKey);
  if (id !== undefined) return identityUnder(id);
  const message = 'idempotencyKey must be a UUID, such as crypto.randomUUID() gives; nothing was written';
  throw new KvorumError('invalid-request', message, { field: 'idempotencyKey' }, 'not_applied');
}

/** @throws TypeError for what is no text, RangeError if it is too short or too long */
export function delimiterOf(delimiter: unknown): Uint8Array {
  if (typeof delimiter !== 'string') throw new TypeError(`delimiter must be text, got ${typeof delimiter}`);
  const bytes = Buffer.from(delimiter, 'utf8');
  if (bytes.length >= 1 && bytes.length <= MAX_DELIMITER_BYTES) return bytes;
  throw new RangeError(`delimiter must have 1 to ${MAX_DELIMITER_BYTES} bytes, got ${bytes.length}`);
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
