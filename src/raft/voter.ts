/**
 * Granting and refusing votes, the same in every role (§5.2, §5.4.1; pre-vote: thesis §9.6).
 *
 * - One vote per term, first come, first served; a repeated request gets the same answer (s6).
 * - Never for a candidate whose log is less up-to-date (s8).
 * - Never while another leader is alive, unless that leader itself arranged the election (s20).
 * - A pre-vote changes no state on either side (s19).
 * - Never in quarantine (s60).
 */
import type { Core } from './core.js';
import type { Vote } from './messages.js';
import { TERM_ONLY } from './outbox.js';
import { NONE } from './types.js';

/** Must the vote be refused for the sake of a leader: one that is alive, or to which the vote is promised (s20, s50)? */
export function isBoundToLeader(core: Core, message: Vote): boolean {
  if (message.forced) return false;
  if (core.promiseTicks > 0 && core.promisedTo !== message.from) return true;
  switch (core.role.type) {
    case 'leader':
      return true;
    case 'follower': {
      const { leader, electionElapsed } = core.role;
      return leader !== NONE && leader !== message.from && electionElapsed < core.options.electionTicks;
    }
    case 'pre-candidate':
    case 'candidate':
      return false;
  }
}

/** Is the vote of the requested term not cast for another candidate? */
function isFree(core: Core, message: Vote): boolean {
  if (message.term > core.term) return true;
  return core.vote === message.from || (core.vote === NONE && core.leader === NONE);
}

/** Answers a vote or pre-vote of this term, or a pre-vote of a later one. */
export function answerVote(core: Core, message: Vote): void {
  const granted =
    core.quarantine === undefined &&
    !isBoundToLeader(core, message) &&
    isFree(core, message) &&
    core.log.isUpToDate(message.lastIndex, message.lastTerm);
  if (granted && !message.preVote) {
    core.vote = message.from;
    if (core.role.type !== 'follower') core.becomeFollower(core.term, NONE);
    else core.role.electionElapsed = 0;
  }
  // A granted pre-vote carries the requested term; every other answer the voter's own.
  const term = granted ? message.term : core.term;
  core.outbox.hold(
    { type: 'vote-answer', from: core.id, to: message.from, term, preVote: message.preVote, granted },
    TERM_ONLY,
  );
}
