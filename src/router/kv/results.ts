/** Results of the operations of batches and transactions, as JSON. */
import type { KeyRecord, Refusal, StepResult } from '../../shard/index.js';
import { problemMembers, type Problem } from '../http/index.js';
import { keyMembers, recordMembers, timeText, type JsonPieces } from './envelope.js';
import type { NamedStep } from './operation-steps.js';

/** Where and when an operation was done. */
export interface ResultOrigin {
  readonly shard: number;
  /** Of the entry, or of what was read. */
  readonly revision: number;
}

/** Bytes of values that the results of one request may still have. */
export class ResultBudget {
  #left: number;

  constructor(readonly limit: number) {
    this.#left = limit;
  }

  takes(record: KeyRecord): boolean {
    if (record.body.length > this.#left) return false;
    this.#left -= record.body.length;
    return true;
  }
}

export function resultPieces(
  { named }: NamedStep,
  result: StepResult,
  origin: ResultOrigin,
  budget: ResultBudget,
): JsonPieces {
  switch (result.type) {
    case 'get':
      if (result.record === undefined) return [problemResult({ code: 'key-not-found' })];
      if (!budget.takes(result.record)) return [tooLong(budget)];
      return [`{"status":200,${keyMembers(named)},`, ...recordMembers(result.record, origin.shard), '}'];
    case 'write':
      return [writeHead(result), ...recordPieces(result.record, origin, budget), '}'];
    case 'delete': {
      const head = `{"status":200,"deleted":${result.deleted},"revision":${origin.revision}`;
      return [head, ...recordPieces(result.record, origin, budget), '}'];
    }
    case 'delete-range':
      throw new Error('a batch or transaction deletes no range');
    case 'failed': {
      const { code, message, details } = result;
      return [problemResult({ code, detail: message, outcome: 'not_applied', details })];
    }
  }
}

function writeHead(result: Extract<StepResult, { type: 'write' }>): string {
  const { revision, version, created, number, applied, expiresAtMs } = result;
  const numbers = number === undefined ? '' : `,"value":${number},"applied":${applied ?? 0n}`;
  const expiry = expiresAtMs === undefined ? '' : `,"expires_at":"${timeText(expiresAtMs)}"`;
  const status = created ? 201 : 200;
  return `{"status":${status},"revision":${revision},"version":${version},"created":${created}${numbers}${expiry}`;
}

/** What was done stays done if its record has no room in the answer. */
function recordPieces(record: KeyRecord | undefined, { shard }: ResultOrigin, budget: ResultBudget): JsonPieces {
  if (record === undefined) return [];
  if (!budget.takes(record)) return [',"record_omitted":true'];
  return [',"record":{', ...recordMembers(record, shard), '}'];
}

const tooLong = ({ limit }: ResultBudget): string =>
  problemResult({
    code: 'value-too-large',
    detail: `the values of an answer have up to ${limit} bytes together`,
    outcome: 'not_applied',
    details: { field: 'results', limit },
  });

/** `{"status":…,"code":…,"outcome":…}`: what a problem document says, without what belongs to a whole request. */
export const problemResult = (problem: Problem): string => JSON.stringify(problemMembers(problem));

export const refusalResult = ({ code, message, outcome, details }: Refusal, idempotencyKey?: string): string =>
  problemResult({ code, detail: message, outcome, details, idempotencyKey });
