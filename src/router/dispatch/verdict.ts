/** What the replies of all participants amount to: the decision on a transaction, and why an attempt does not commit. */
import { decisionOf, refuse, type Decision, type Refusal, type SingleReply, type Vote } from '../../shard/index.js';
import type { DispatchReply } from './call.js';

export type Origin = Pick<DispatchReply, 'term' | 'servedBy' | 'shard'>;
export const NO_ORIGIN: Origin = { term: 0, servedBy: 0, shard: -1 };

/** A participant's reply with the entry that made it; or why there is none. */
export interface Heard {
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

export type Verdict = { readonly origin: Origin } & (
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
export function verdictOf(heard: readonly Heard[], home?: number): Verdict {
  const atHome = home === undefined ? undefined : heard.find(({ shard }) => shard === home);
  if (atHome?.reply.type === 'refused') return verdictOfRefusal(atHome.reply, atHome.origin);
  let busy: Verdict | undefined;
  let unknown: Verdict | undefined;
  let refused: Verdict | undefined;
  let isAborted = false;
  for (const { reply, origin } of heard) {
    switch (reply.type) {
      case 'replay':
        return { type: 'replay', outcome: reply.outcome, origin };
      case 'open':
        return { type: 'open', id: reply.id, participants: reply.participants, origin };
      case 'refused':
        if (isUnknown(reply)) unknown ??= verdictOfRefusal(reply, origin);
        else refused ??= verdictOfRefusal(reply, origin);
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
  const failing = failingBranch(heard);
  if (failing !== undefined) return failing;
  // A shard that has certainly not voted is as good as one that voted no.
  if (refused !== undefined) return refused;
  if (unknown !== undefined && !isAborted) return unknown;
  return busy ?? refused ?? { type: 'refused', refusal: refuse('internal', 'no reason to abort'), origin: NO_ORIGIN };
}

/** What was forgotten about a client's id, nobody can say any more: that is final. */
const isUnknown = ({ outcome, code }: Refusal): boolean => outcome === 'unknown' && code !== 'idempotency-key-expired';

const verdictOfRefusal = (refusal: Refusal, origin: Origin): Verdict => ({
  type: isUnknown(refusal) ? 'unknown' : 'refused',
  refusal,
  origin,
});

/** All voted yes, and the list that is to run fails in some part. */
function failingBranch(heard: readonly Heard[]): Verdict | undefined {
  let holds = true;
  for (const { reply } of heard) {
    if (reply.type !== 'vote' || reply.vote.type !== 'yes') return undefined;
    holds &&= reply.vote.holds;
  }
  for (const { reply, origin } of heard) {
    if (reply.type !== 'vote' || reply.vote.type !== 'yes') continue;
    const branch = reply.vote[holds ? 'then' : 'otherwise'];
    if (branch?.type === 'failed') return { type: 'failed', refusal: branch.refusal, origin };
  }
  return undefined;
}
