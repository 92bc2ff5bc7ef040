/** Answers of the shards as results and errors of the public API. */
import {
  KvorumError,
  decodeOutcome,
  decodeValue,
  type Answer,
  type KeyRecord,
  type ProgramOutcome,
  type StepResult,
} from '../shard/index.js';
import type { Entry, IncrementResult, WriteResult } from './entries.js';

/** @throws KvorumError if the program was refused as a whole */
export function outcomeOf(answer: Answer): ProgramOutcome {
  if (answer.type !== 'program') throw unexpected(answer.type);
  const outcome = decodeOutcome(answer.outcome);
  if (!('code' in outcome)) return outcome;
  throw new KvorumError(outcome.code, outcome.message, outcome.details, outcome.outcome);
}

/**
 * The result of the step at a position.
 * @throws KvorumError if the step failed, or its result is not known any more
 */
export function resultOf({ results, omitted }: ProgramOutcome, position = 0): StepResult {
  const result = results[position];
  if (result === undefined) {
    if (!omitted) throw unexpected('no result');
    throw new KvorumError('timeout', 'the first answer was lost, and was too long to be kept for a retry');
  }
  if (result.type !== 'failed') return result;
  throw new KvorumError(result.code, result.message, result.details, 'not_applied');
}

export function writeResult(result: StepResult): WriteResult {
  if (result.type !== 'write') throw unexpected(result.type);
  const { revision, version, created } = result;
  return { revision, version, created };
}

export function incrementResult(result: StepResult): IncrementResult {
  if (result.type !== 'write' || result.number === undefined) throw unexpected(result.type);
  return { ...writeResult(result), value: result.number, applied: result.applied ?? 0n };
}

export function isDeleted(result: StepResult): boolean {
  if (result.type !== 'delete') throw unexpected(result.type);
  return result.deleted;
}

/** The value that a `get` step found; undefined: the key is absent. */
export function valueIn(result: StepResult): unknown {
  if (result.type !== 'get') throw unexpected(result.type);
  return result.record === undefined ? undefined : decodeValue(result.record);
}

export function entryOf<T>(key: unknown, record: KeyRecord): Entry<T> {
  const { revision, createRevision, version, expiresAtMs } = record;
  const deadline = expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs) };
  return { key, value: decodeValue(record) as T, revision, createRevision, version, ...deadline };
}

const unexpected = (what: string): KvorumError => new KvorumError('internal', `an unexpected answer: ${what}`);
