/** Results of the operations of batches and transactions, as JSON. */
import type { KeyRecord, Refusal } from '../../shard/index.js';
import type { FittedResult } from '../dispatch/index.js';
import { problemMembers, type Problem } from '../http/index.js';
import { keyMembers, recordMembers, timeText, type JsonPieces } from './envelope.js';
import type { NamedKey } from './key.js';

/** Where and when an operation was done. */
export interface ResultOrigin {
  readonly shard: number;
  /** Of the entry, or of what was read. */
  readonly revision: number;
}

/** @param named the key, as the client wrote it, of a get; not used for others */
export function resultPieces(named: NamedKey | undefined, result: FittedResult, origin: ResultOrigin): JsonPieces {
  switch (result.type) {
    case 'get':
      if (result.record === undefined) return [problemResult({ code: 'key-not-found' })];
      if (named === undefined) throw new Error('a get without its key');
      return [`{"status":200,${keyMembers(named)},`, ...recordMembers(result.record, origin.shard), '}'];
    case 'write':
      return withRecord(writeHead(result), result, origin);
    case 'delete':
      return withRecord(`{"status":200,"deleted":${result.deleted},"revision":${origin.revision}`, result, origin);
    case 'delete-range':
      throw new Error('a batch or transaction deletes no range');
    case 'failed': {
      const { code, message, details } = result;
      return [problemResult({ code, detail: message, outcome: 'not_applied', details })];
    }
  }
}

function writeHead(result: Extract<FittedResult, { type: 'write' }>): string {
  const { revision, version, created, number, applied, expiresAtMs } = result;
  const numbers = number === undefined ? '' : `,"value":${number},"applied":${applied ?? 0n}`;
  const expiry = expiresAtMs === undefined ? '' : `,"expires_at":"${timeText(expiresAtMs)}"`;
  const status = created ? 201 : 200;
  return `{"status":${status},"revision":${revision},"version":${version},"created":${created}${numbers}${expiry}`;
}

interface Recorded {
  readonly record?: KeyRecord;
  readonly isRecordOmitted?: true;
}

/** @param head of an object, which is ended here */
function withRecord(head: string, { record, isRecordOmitted }: Recorded, { shard }: ResultOrigin): JsonPieces {
  if (isRecordOmitted === true) return [`${head},"record_omitted":true}`];
  if (record === undefined) return [`${head}}`];
  return [`${head},"record":{`, ...recordMembers(record, shard), '}}'];
}

/** `{"status":…,"code":…,"outcome":…}`: what a problem document says, without what belongs to a whole request. */
export const problemResult = (problem: Problem): string => JSON.stringify(problemMembers(problem));

export const refusalResult = ({ code, message, outcome, details }: Refusal, idempotencyKey?: string): string =>
  problemResult({ code, detail: message, outcome, details, idempotencyKey });
