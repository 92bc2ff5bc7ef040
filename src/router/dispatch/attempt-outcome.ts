/** What the replies of all participants amount to: the decision on a transaction, and why an attempt does not commit. */
import { decisionOf, refuse, type Decision, type Refusal, type SingleReply, type Vote } from '../../shard/index.js';
import type { DispatchReply } from './call.js';

export type Origin = Pick<DispatchReply, 'term' | 'servedBy' | 'shard'>;
export const NO_ORIGIN: Origin = { term: 0, servedBy: 0, shard: -1 };

/** A participant's reply with the entry that made it; or why there is none. */
export interface ParticipantReply {
  readonly shard: number;
  readonly revision: number;
  readonly reply: SingleReply;
  readonly origin: Origin;
}

/** The decision that the replies of all participants amount to; undefined: some have none. */
export function decisionIn(replies: readonly SingleReply[]): Decision | undefined {
  const votes: Vote[] = [];
  for (const reply of replies) {
    if (reply.type === 'decided') return reply.decision;
    if (reply.type === 'vote') votes.push(reply.vote);
  }
  // One vote other than yes decides, whatever the others are.
  if (votes.some(({ type }) => type !== 'yes')) return 'abort';
  return votes.length === replies.length ? decisionOf(votes) : undefined;
}

export type AttemptOutcome = { readonly origin: Origin } & (
  | { readonly type: 'busy' }
  | { readonly type: 'no' }
  | { readonly type: 'committed'; readonly decision: 'then' | 'otherwise' }
  /** A step fails: that is what the client's request comes to. */
  | { readonly type: 'failed'; readonly refusal: Refusal }
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'unknown'; readonly refusal: Refusal }
  | { readonly type: 'replay'; readonly outcome: Uint8Array }
  | { readonly type: 'open'; readonly id: Uint8Array; readonly participants: readonly number[] }
);

/**
 * Why an attempt does not commit; the reason that says most, of all participants.
 * @param home the participant that knows the client's id; undefined: there is none. As long as it has not voted, an earlier
 *   attempt under that id may have been committed, and be the very reason why another participant votes no.
 */
export function attemptOutcomeOf(replies: readonly ParticipantReply[], home?: number): AttemptOutcome {
  const atHome = home === undefined ? undefined : replies.find(({ shard }) => shard === home);
  if (atHome?.reply.type === 'refused') return outcomeOfRefusal(atHome.reply, atHome.origin);
  let busy: AttemptOutcome | undefined;
  let unknown: AttemptOutcome | undefined;
  let refused: AttemptOutcome | undefined;
  let isAborted = false;
  for (const { reply, origin } of replies) {
    switch (reply.type) {
      case 'replay':
        return { type: 'replay', outcome: reply.outcome, origin };
      case 'open':
        return { type: 'open', id: reply.id, participants: reply.participants, origin };
      case 'refused':
        if (isUnknown(reply)) unknown ??= outcomeOfRefusal(reply, origin);
        else refused ??= outcomeOfRefusal(reply, origin);
        break;
      case 'vote':
        if (reply.vote.type === 'failed') refused = { type: 'failed', refusal: reply.vote.refusal, origin };
        if (reply.vote.type === 'no') return { type: 'no', origin };
        if (reply.vote.type === 'busy' || reply.vote.type === 'aborted') busy = { type: 'busy', origin };
        isAborted ||= reply.vote.type !== 'yes';
        break;
      case 'decided':
        // Somebody finished it while the reply was under way: repeating what was committed would apply it twice.
        if (reply.decision !== 'abort') return { type: 'committed', decision: reply.decision, origin };
        isAborted = true;
        busy = { type: 'busy', origin };
        break;
      case 'unknown':
        refused ??= { type: 'refused', refusal: refuse('internal', 'a participant knows no vote'), origin };
        break;
    }
  }
  const failing = failingBranch(replies);
  if (failing !== undefined) return failing;
  // A shard that has certainly not voted is as good as one that voted no.
  if (refused !== undefined) return refused;
  if (unknown !== undefined && !isAborted) return unknown;
  return busy ?? refused ?? { type: 'refused', refusal: refuse('internal', 'no reason to abort'), origin: NO_ORIGIN };
}

/** What was forgotten about a client's id, nobody can say any more: that is final. */
const isUnknown = ({ outcome, code }: Refusal): boolean => outcome === 'unknown' && code !== 'idempotency-key-expired';

const outcomeOfRefusal = (refusal: Refusal, origin: Origin): AttemptOutcome => ({
  type: isUnknown(refusal) ? 'unknown' : 'refused',
  refusal,
  origin,
});

/** All voted yes, and the list that is to run fails in some part. */
function failingBranch(replies: readonly ParticipantReply[]): AttemptOutcome | undefined {
  let holds = true;
  for (const { reply } of replies) {
    if (reply.type !== 'vote' || reply.vote.type !== 'yes') return undefined;
    holds &&= reply.vote.holds;
  }
  for (const { reply, origin } of replies) {
    if (reply.type !== 'vote' || reply.vote.type !== 'yes') continue;
    const branch = reply.vote[holds ? 'then' : 'otherwise'];
    if (branch?.type === 'failed') return { type: 'failed', refusal: branch.refusal, origin };
  }
  return undefined;
}
