/**
 * The follower role: takes entries, heartbeats and snapshots of its leader, and campaigns when the election timer expires.
 *
 * - It acknowledges its log only up to where it compared it with this leader's, and only once that is durable (s35).
 * - It commits up to the leader's commit index, as far as its log is known to match (s41).
 */
import { startElection, startPreVote } from './candidate.js';
import type { Core } from './core.js';
import { follows } from './log.js';
import type { Append, AppendOk, Heartbeat, HeartbeatOk, Message } from './messages.js';
import { TERM_ONLY } from './outbox.js';
import { marked, maybeLeaveQuarantine, releaseAnswer, tickQuarantine } from './quarantine.js';
import { votersOf } from './quorum.js';
import type { Follower } from './roles.js';
import { receiveChunk } from './snapshot-receiver.js';
import { NONE, type NodeId } from './types.js';

export function tickFollower(core: Core, follower: Follower): void {
  if (follower.quiesced) return;
  if (core.quarantine !== undefined) {
    tickQuarantine(core, follower);
    return;
  }
  follower.electionElapsed++;
  if (follower.electionElapsed >= follower.electionTimeout) startPreVote(core);
}

export function stepFollower(core: Core, follower: Follower, message: Message): void {
  switch (message.type) {
    case 'append':
      recordLeaderContact(core, follower, message);
      receiveAppend(core, follower, message);
      break;
    case 'heartbeat':
      recordLeaderContact(core, follower, message);
      receiveHeartbeat(core, follower, message);
      break;
    case 'snapshot':
      recordLeaderContact(core, follower, message);
      receiveChunk(core, follower, message);
      break;
    case 'timeout-now':
      startElection(core, { forced: true });
      break;
    case 'append-ok':
    case 'append-refused':
    case 'heartbeat-ok':
    case 'snapshot-answer':
    case 'vote':
    case 'vote-answer':
    case 'term-notice':
      break;
  }
}

function recordLeaderContact(core: Core, follower: Follower, message: Message): void {
  follower.electionElapsed = 0;
  core.promise(message.from);
}

function receiveAppend(core: Core, follower: Follower, message: Append): void {
  const { log } = core;
  if (!follows(message.entries, message.prevIndex, message.prevTerm, message.term)) return;
  // Committed entries are in the leader's log as well (leader completeness), so only what follows them needs comparing;
  // earlier terms may be compacted away.
  let { prevIndex, entries } = message;
  if (prevIndex < log.commit) {
    entries = entries.slice(log.commit - prevIndex);
    prevIndex = log.commit;
  } else if (log.termAt(prevIndex) !== message.prevTerm) {
    refuseAppend(core, message);
    return;
  }
  log.merge(entries);
  const matched = prevIndex + entries.length;
  follower.matched = Math.max(follower.matched, matched);
  log.commitTo(Math.min(message.commit, follower.matched));
  const ok: AppendOk = { type: 'append-ok', from: core.id, to: message.from, term: core.term, index: matched };
  core.outbox.hold(marked(core, ok), matched);
}

/** The hint is the last index that may match: above it, terms here are newer than any that the leader has there (s26). */
function refuseAppend(core: Core, message: Append): void {
  const { log } = core;
  const reach = Math.min(message.prevIndex, log.lastIndex);
  const hintIndex = Math.max(log.commit, log.lastWithTermAtMost(reach, message.prevTerm));
  core.outbox.hold(
    {
      type: 'append-refused',
      from: core.id,
      to: message.from,
      term: core.term,
      rejectedIndex: message.prevIndex,
      hintIndex,
      hintTerm: log.termAt(hintIndex) ?? 0,
      lastIndex: log.lastIndex,
    },
    TERM_ONLY,
  );
}

function receiveHeartbeat(core: Core, follower: Follower, message: Heartbeat): void {
  const { log } = core;
  // A leader that has not learnt of the quarantine yet sends a commit index for entries that are lost here (s60).
  const reach = core.quarantine === undefined ? Infinity : follower.matched;
  log.commitTo(Math.min(message.commit, reach));
  follower.matched = Math.max(follower.matched, log.commit);
  maybeLeaveQuarantine(core, follower, message);
  follower.quiesced = message.quiesce && log.lastIndex === log.commit && core.quarantine === undefined;
  const ok: HeartbeatOk = {
    type: 'heartbeat-ok',
    from: core.id,
    to: message.from,
    term: core.term,
    readContext: message.readContext,
    lastIndex: follower.matched,
    promiseMs: core.options.leaseReads === true ? core.options.promiseMs : undefined,
  };
  const answer = message.release === undefined ? ok : { ...ok, ...releaseAnswer(core, message) };
  core.outbox.hold(marked(core, answer), TERM_ONLY);
}

/** The owner knows that the leader is dead (s74): this replica may vote at once, and campaigns soon. */
export function forgetLeader(core: Core, follower: Follower): void {
  if (follower.leader === NONE || core.options.leaseReads === true) return;
  follower.electionTimeout = hastenedTimeout(core, follower.leader);
  follower.leader = NONE;
  follower.electionElapsed = 0;
}

/**
 * Within half an election timeout, and if there are enough ticks, never at the same tick as another voter: nodes that learn
 * of a death at the same time, and tick together, would split the vote and only campaign again after a whole timeout.
 */
function hastenedTimeout({ id, configuration, options }: Core, leader: NodeId): number {
  const ticks = Math.max(1, options.electionTicks >> 1);
  const left = votersOf(configuration).filter((voter) => voter !== leader);
  const rounds = Math.max(1, Math.floor(ticks / left.length));
  const turn = Math.floor(options.random() * rounds) * left.length + Math.max(0, left.indexOf(id));
  return 1 + (turn % ticks);
}
