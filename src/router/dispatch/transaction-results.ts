/** The results of a transaction over shards, put together from the votes and acknowledgements of its participants. */
import {
  MAX_KEPT_ANSWER_BYTES,
  PENDING_REVISION,
  decodeOutcome,
  encodeOutcome,
  withRevision,
  type Decision,
  type Program,
  type ProgramOutcome,
  type Refusal,
  type StepResult,
} from '../../shard/index.js';
import type { ParticipantReply } from './attempt-outcome.js';

/** All participants have acknowledged this decision. */
export const agree = (replies: readonly ParticipantReply[], decision: Decision): boolean =>
  replies.every(({ reply }) => reply.type === 'decided' && reply.decision === decision);

/** The shards of a transaction's parts, in ascending order. */
export const participantsOf = (parts: ReadonlyMap<number, unknown>): number[] =>
  [...parts.keys()].sort((a, b) => a - b);

export const revisionsOf = (replies: readonly ParticipantReply[]): Map<number, number> =>
  new Map(replies.map(({ shard, revision }) => [shard, revision]));

/** The results of all parts in the order of the whole, with the revisions of what was written, as far as they are known. */
export function resultsOf(
  replies: readonly ParticipantReply[],
  decision: 'then' | 'otherwise',
  revisions: ReadonlyMap<number, number>,
): StepResult[] {
  const placed: (readonly [number, StepResult])[] = [];
  for (const { shard, reply } of replies) {
    if (reply.type !== 'vote' || reply.vote.type !== 'yes') continue;
    const branch = reply.vote[decision];
    if (branch?.type !== 'results') continue;
    const revision = revisions.get(shard) ?? PENDING_REVISION;
    for (const [at, result] of branch.results) placed.push([at, withRevision(result, revision)]);
  }
  return placed.sort(([a], [b]) => a - b).map(([, result]) => result);
}

/**
 * What is kept for replays: the results, unless they are too long, and behind them one for each participant, in ascending
 * order, which has the revision of its part: the results show none of a shard that only read or deleted.
 * @param revisions pending for a participant that is not in it
 */
export function keptOutcome(
  results: readonly StepResult[],
  decision: 'then' | 'otherwise',
  {
    participants,
    revisions,
  }: { readonly participants: readonly number[]; readonly revisions: ReadonlyMap<number, number> },
): Uint8Array {
  const parts = participants.map((shard): StepResult => {
    return { type: 'write', revision: revisions.get(shard) ?? PENDING_REVISION, version: 0, created: false };
  });
  const succeeded = decision === 'then';
  const whole = encodeOutcome({ succeeded, results: [...results, ...parts], lastDeletion: 0, omitted: false });
  if (whole.length <= MAX_KEPT_ANSWER_BYTES) return whole;
  return encodeOutcome({ succeeded, results: parts, lastDeletion: 0, omitted: true });
}

/**
 * Takes apart what was kept. It has no revisions if somebody else than its first coordinator finished the transaction, or
 * an earlier build kept it.
 */
export function keptParts(
  kept: Uint8Array,
  participants: readonly number[],
  { then, otherwise }: Program,
): { readonly outcome: ProgramOutcome | Refusal; readonly revisions: ReadonlyMap<number, number> } {
  const outcome = decodeOutcome(kept);
  if ('code' in outcome) return { outcome, revisions: new Map() };
  const { succeeded, results, omitted } = outcome;
  const own = omitted ? 0 : (succeeded ? then : otherwise).length;
  if (results.length !== own + participants.length) return { outcome, revisions: new Map() };
  const revisions = participants.map((shard, at): readonly [number, number] => {
    const part = results[own + at];
    return [shard, part?.type === 'write' ? part.revision : 0];
  });
  return { outcome: { ...outcome, results: results.slice(0, own) }, revisions: new Map(revisions) };
}

export const withoutResults = (decision: 'then' | 'otherwise'): ProgramOutcome => ({
  succeeded: decision === 'then',
  results: [],
  lastDeletion: 0,
  omitted: true,
});
