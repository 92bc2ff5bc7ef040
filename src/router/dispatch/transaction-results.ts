/** The results of a transaction over shards, put together from the votes and acknowledgements of its participants. */
import {
  MAX_KEPT_ANSWER_BYTES,
  PENDING_REVISION,
  encodeOutcome,
  withRevision,
  type Decision,
  type ProgramOutcome,
  type StepResult,
} from '../../shard/index.js';
import type { ParticipantReply } from './attempt-outcome.js';

/** All participants have acknowledged this decision. */
export const agree = (replies: readonly ParticipantReply[], decision: Decision): boolean =>
  replies.every(({ reply }) => reply.type === 'decided' && reply.decision === decision);

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

/** What a replay is answered. */
export function keptOutcome(results: readonly StepResult[], decision: 'then' | 'otherwise'): Uint8Array {
  const whole = encodeOutcome({ succeeded: decision === 'then', results, lastDeletion: 0, omitted: false });
  return whole.length <= MAX_KEPT_ANSWER_BYTES ? whole : encodeOutcome(withoutResults(decision));
}

export const withoutResults = (decision: 'then' | 'otherwise'): ProgramOutcome => ({
  succeeded: decision === 'then',
  results: [],
  lastDeletion: 0,
  omitted: true,
});
