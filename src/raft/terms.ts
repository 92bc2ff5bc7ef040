/**
 * The one place where a message's term is compared with the replica's, before any role sees the message: here terms
 * rise, leaders and candidates step down, and stale senders learn the present term (§5.1).
 */
import type { Core } from './core.js';
import type { Message } from './messages.js';
import { TERM_ONLY } from './outbox.js';
import { NONE } from './types.js';
import { isBoundToLeader } from './voter.js';

function isFromLeader(message: Message): boolean {
  return message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot';
}

/** Adjusts term, role and leader to the message. True: the role that the replica then has must handle it. */
export function admit(core: Core, message: Message): boolean {
  if (message.term < core.term) {
    answerStale(core, message);
    return false;
  }
  if (message.term > core.term) return admitNewer(core, message);
  if (!isFromLeader(message)) return true;
  switch (core.role.type) {
    case 'leader':
      return false;
    case 'follower':
      if (core.role.leader === NONE) {
        core.role.leader = message.from;
        // The present timeout may be the short one of `forgetLeader`.
        core.role.electionTimeout = core.randomElectionTimeout();
      }
      return core.role.leader === message.from;
    case 'pre-candidate':
    case 'candidate':
      // Another replica leads this term (s9).
      core.becomeFollower(core.term, message.from);
      return true;
  }
}

function admitNewer(core: Core, message: Message): boolean {
  // A pre-vote carries the term to come, which its sender is not in yet (s19).
  if (message.type === 'vote' && message.preVote) return true;
  if (message.type === 'vote-answer' && message.preVote && message.granted) return true;
  // A replica with a live leader does not answer a disruptive candidate: the leader will bring that one back (s23).
  if (message.type === 'vote' && isBoundToLeader(core, message)) return false;
  core.becomeFollower(message.term, isFromLeader(message) ? message.from : NONE);
  return true;
}

/** Sends the present term to senders that would be stuck without it: a deposed leader, a stale candidate (s3, s23, s24). */
function answerStale(core: Core, message: Message): void {
  const envelope = { from: core.id, to: message.from, term: core.term };
  if (isFromLeader(message)) {
    core.outbox.hold({ type: 'term-notice', ...envelope }, TERM_ONLY);
  } else if (message.type === 'vote') {
    core.outbox.hold({ type: 'vote-answer', ...envelope, preVote: message.preVote, granted: false }, TERM_ONLY);
  }
}
