/** Answers as the dedup tables keep them, and as clients get them. */
import { StorageCorruption } from '../../raft/index.js';
import { refuse } from '../errors.js';
import type { Answer } from '../operation.js';
import { decodeOutcome, encodeOutcome } from '../program-codec.js';
import type { CommandView } from './command.js';
import type { FoundEntry } from './dedup.js';
import { AnswerKind, type CompactAnswer, type DedupEntry } from './dedup-table.js';
import { revisionOf } from './record-row.js';

/** What is kept of an answer that is too long. */
export function withoutResults(answer: Uint8Array): Uint8Array {
  const outcome = decodeOutcome(answer);
  if ('code' in outcome) return encodeOutcome({ ...outcome, message: outcome.message.slice(0, 200) });
  return encodeOutcome({ ...outcome, results: [], omitted: true });
}

/** Whether the precondition of a plain write holds on the key's row. */
export function holds(command: CommandView, row: Uint8Array | undefined): boolean {
  switch (command.condition) {
    case 'none':
      return true;
    case 'absent':
      return row === undefined;
    case 'exists':
      return row !== undefined;
    case 'revision':
      return row !== undefined && revisionOf(row) === command.conditionRevision;
  }
}

type Fingerprint = Pick<DedupEntry, 'fingerprintHigh' | 'fingerprintLow'>;

export function replayedAnswer(known: FoundEntry, command: Fingerprint): Answer {
  const same = known.fingerprintHigh === command.fingerprintHigh && known.fingerprintLow === command.fingerprintLow;
  if (!same) return refuse('idempotency-key-reused');
  return known.answer === undefined ? answerOf(known, true) : programAnswer(known.revision, known.answer, true);
}

export function programAnswer(revision: number, outcome: Uint8Array, replayed: boolean): Answer {
  return { type: 'program', revision, outcome, replayed };
}

export function answerOf({ kind, revision, detail }: CompactAnswer, replayed: boolean): Answer {
  switch (kind) {
    case AnswerKind.created:
      return { type: 'put', revision, version: detail, created: true, replayed };
    case AnswerKind.updated:
      return { type: 'put', revision, version: detail, created: false, replayed };
    case AnswerKind.deleted:
      return { type: 'delete', deleted: true, revision, replayed };
    case AnswerKind.notThere:
      return { type: 'delete', deleted: false, revision, replayed };
    case AnswerKind.preconditionFailed:
      return { ...refuse('precondition-failed', undefined, { currentRevision: detail }), replayed };
    case AnswerKind.program:
      throw new StorageCorruption('the answer of a program has no row');
  }
}
