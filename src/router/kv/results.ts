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

/**
 * As text, or in pieces if there is a record with its bytes.
 * @param named the key, as the client wrote it, of a get; not used for others
 */
export function resultOf(named: NamedKey | undefined, result: FittedResult, origin: ResultOrigin): string | JsonPieces {
  switch (result.type) {
    case 'get':
      if (result.record === undefined) return problemResult({ code: 'key-not-found' });
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
      return problemResult({ code, detail: message, outcome: 'not_applied', details });
    }
  }
}

/** How the last result of a write began: all of one entry have the same revision. */
let lastStart = { revision: -1, created: false, text: '' };

function writeStart(revision: number, created: boolean): string {
  if (lastStart.revision !== revision || lastStart.created !== created) {
    const text = `{"status":${created ? 201 : 200},"revision":${revision},"version":`;
    lastStart = { revision, created, text };
  }
  return lastStart.text;
}

function writeHead(result: Extract<FittedResult, { type: 'write' }>): string {
  const { revision, version, created, number, applied, expiresAtMs } = result;
  const numbers = number === undefined ? '' : `,"value":${number},"applied":${applied ?? 0n}`;
  const expiry = expiresAtMs === undefined ? '' : `,"expires_at":"${timeText(expiresAtMs)}"`;
  return `${writeStart(revision, created)}${version}${created ? ',"created":true' : ',"created":false'}${numbers}${expiry}`;
}

interface Recorded {
  readonly record?: KeyRecord;
  readonly isRecordOmitted?: true;
}

/** @param head of an object, which is ended here */
function withRecord(head: string, { record, isRecordOmitted }: Recorded, { shard }: ResultOrigin): string | JsonPieces {
  if (isRecordOmitted === true) return `${head},"record_omitted":true}`;
  if (record === undefined) return `${head}}`;
  return [`${head},"record":{`, ...recordMembers(record, shard), '}}'];
}

/** `{"status":…,"code":…,"outcome":…}`: what a problem document says, without what belongs to a whole request. */
export const problemResult = (problem: Problem): string => JSON.stringify(problemMembers(problem));

export const refusalResult = ({ code, message, outcome, details }: Refusal, idempotencyKey?: string): string =>
  problemResult({ code, detail: message, outcome, details, idempotencyKey });
