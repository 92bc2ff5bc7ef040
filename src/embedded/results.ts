/** Answers of the shards as results and errors of the public API. */
import type { FittedResult } from '../router/index.js';
import {
  KvorumError,
  decodeKey,
  decodeOutcome,
  decodeValue,
  userKeyOf,
  type Answer,
  type KeyRecord,
  type ProgramOutcome,
  type Refusal,
  type Step,
  type StepResult,
} from '../shard/index.js';
import type { DeleteResult, Entry, IncrementResult, WriteResult } from './entries.js';

/** What a result tells beyond the step's own result. */
export interface Told {
  /** What was asked for. */
  readonly step: Step;
  /** It is that of an earlier call under the same idempotency key. */
  readonly replayed?: boolean;
}

/** A refusal as an error. @param replayed it is that of an earlier call under the same idempotency key */
export function errorOf({ code, message, details, outcome }: Omit<Refusal, 'type'>, replayed = false): KvorumError {
  const error = new KvorumError(code, message, details, outcome);
  return replayed ? Object.assign(error, { replayed }) : error;
}

/** @throws KvorumError if the program was refused as a whole */
export function outcomeOf(answer: Answer): ProgramOutcome {
  if (answer.type !== 'program') throw unexpected(answer.type);
  const outcome = decodeOutcome(answer.outcome);
  if (!('code' in outcome)) return outcome;
  throw errorOf(outcome, answer.replayed);
}

/**
 * The result of the step at a position.
 * @throws KvorumError if the step failed, or its result is not known any more
 */
export function resultOf<Result extends StepResult>(
  { results, omitted }: Pick<ProgramOutcome, 'omitted'> & { readonly results: readonly Result[] },
  position = 0,
): Exclude<Result, { type: 'failed' }> {
  const result = results[position];
  if (result === undefined) {
    if (!omitted) throw unexpected('no result');
    throw new KvorumError('timeout', 'the first answer was lost, and was too long to be kept for a retry');
  }
  if (result.type === 'failed') throw new KvorumError(result.code, result.message, result.details, 'not_applied');
  return result as Exclude<Result, { type: 'failed' }>;
}

/** What a program of one write answers, which may be the replay of one whose result was not kept. */
export function writtenBy<T>(answer: Answer, step: Step): WriteResult<T> {
  const outcome = outcomeOf(answer);
  const replayed = 'replayed' in answer && answer.replayed === true;
  if (!outcome.omitted) return writeResult<T>(resultOf(outcome), { step, replayed });
  const revision = 'revision' in answer ? answer.revision : 0;
  return { revision, version: 0, created: false, ...(replayed && { replayed }), resultOmitted: true };
}

/** As `writtenBy`, of a deletion. */
export function deletedBy<T>(answer: Answer, step: Step): DeleteResult<T> & { readonly revision: number } {
  const outcome = outcomeOf(answer);
  const replayed = 'replayed' in answer && answer.replayed === true;
  const revision = 'revision' in answer ? answer.revision : 0;
  if (!outcome.omitted) return Object.assign(deleteResult<T>(resultOf(outcome), { step, replayed }), { revision });
  // Only what it held can have been too long.
  return { deleted: true, revision, ...(replayed && { replayed }), resultOmitted: true };
}

export function writeResult<T>(result: FittedResult, told?: Told): WriteResult<T> {
  if (result.type !== 'write') throw unexpected(result.type);
  const { revision, version, created, expiresAtMs } = result;
  const written: WriteResult<T> = { revision, version, created };
  if (expiresAtMs !== undefined) Object.assign(written, { expiresAt: new Date(expiresAtMs) });
  return told === undefined ? written : Object.assign(written, detailsOf<T>(result, told));
}

export function incrementResult<T>(result: FittedResult, told?: Told): IncrementResult<T> {
  if (result.type !== 'write' || result.number === undefined) throw unexpected(result.type);
  return Object.assign(writeResult<T>(result, told), { value: result.number, applied: result.applied ?? 0n });
}

export function deleteResult<T>(result: FittedResult, told: Told): DeleteResult<T> {
  return Object.assign({ deleted: isDeleted(result) }, detailsOf<T>(result, told));
}

export function isDeleted(result: StepResult): boolean {
  if (result.type !== 'delete') throw unexpected(result.type);
  return result.deleted;
}

function detailsOf<T>(
  result: FittedResult,
  { step, replayed = false }: Told,
): Pick<WriteResult<T>, 'replayed' | 'previous' | 'entry' | 'recordOmitted'> {
  const record = 'record' in result ? result.record : undefined;
  return {
    ...(replayed && { replayed }),
    ...(record !== undefined && {
      [step.returning === 'previous' ? 'previous' : 'entry']: writtenEntry<T>(step, record),
    }),
    ...(result.isRecordOmitted === true && { recordOmitted: true }),
  };
}

/** @throws KvorumError of unknown outcome for a record that cannot be read: the write itself was done */
function writtenEntry<T>({ key }: Step, record: KeyRecord): Entry<T> {
  try {
    return entryOf<T>(decodeKey(userKeyOf(key)), record);
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    throw new KvorumError(error.code, `the write was done, but ${error.message}`, error.details, 'unknown');
  }
}

/**
 * What an operation among several gives.
 * @throws KvorumError if it failed, or its result is not known any more
 */
export function valueOf(result: FittedResult, step: Step): unknown {
  switch (step.type) {
    case 'get':
      return valueIn(result);
    case 'delete':
      return step.returning === 'previous' ? deleteResult(result, { step }) : isDeleted(result);
    case 'increment':
      return incrementResult(result, { step });
    case 'put':
    case 'append':
    case 'merge-patch':
    case 'json-patch':
    case 'touch':
      return writeResult(result, { step });
    case 'delete-range':
    case 'namespace-put':
    case 'namespace-delete':
      throw new Error('no operation among several is one of these');
  }
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
