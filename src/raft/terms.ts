/**
 * The one place where a message's term is compared with the replica's, before any role sees the message: here terms
 * rise, leaders and candidates step down, and stale senders are told (§5.1).
 */
import type { Core } from './core.js';
import type { Message } from './messages.js';
import { TERM_ONLY } from './outbox.js';
import { NONE } from './types.js';
import { hearsLeader } from './voter.js';

function isFromLeader(message: Message): boolean {
  return message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot';
}

/** Is the message for the role that the replica has, afterwards, to handle? */
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
        // The one in force may be the short one of `forgetLeader`.
        core.role.electionTimeout = core.drawTimeout();
      }
      return core.role.leader === message.from;
    case 'pre-candidate':
    case 'candidate':
      // Somebody else won the election of this term, or never lost it (s9).
      core.becomeFollower(core.term, message.from);
      return true;
  }
}

function admitNewer(core: Core, message: Message): boolean {
  // A pre-vote's term is one that nobody is in yet (s19).
  if (message.type === 'vote' && message.preVote) return true;
  if (message.type === 'vote-answer' && message.preVote && message.granted) return true;
  // Whoever hears a leader leaves the disturber without an answer; the leader will get it back into the group (s23).
  if (message.type === 'vote' && hearsLeader(core, message)) return false;
  core.becomeFollower(message.term, isFromLeader(message) ? message.from : NONE);
  return true;
}

/** Tells the sender the term, where silence would leave it stuck: a deposed leader, a candidate behind (s3, s23, s24). */
function answerStale(core: Core, message: Message): void {
  const envelope = { from: core.id, to: message.from, term: core.term };
  if (isFromLeader(message)) {
    core.outbox.hold({ type: 'term-notice', ...envelope }, TERM_ONLY);
  } else if (message.type === 'vote') {
    core.outbox.hold({ type: 'vote-answer', ...envelope, preVote: message.preVote, granted: false }, TERM_ONLY);
  }
}
