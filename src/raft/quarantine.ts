/**
 * Quarantine: how a replica whose disk went back in time becomes a voter again (s60).
 *
 * A disk that was restored from a copy, or emptied, has lost what its replica acknowledged and whom it voted for. The
 * owner of the replica detects that (`shard/node/rollback-detector.ts`) and calls `Raft.quarantine(boot)`. `boot` numbers
 * the starts of the node's process: any number that no earlier process of this node used.
 *
 * # What a replica in quarantine does
 *
 * It takes entries and snapshots as usual, and acknowledges them, for that is how it catches up. But it does not campaign
 * and grants no vote, and all its acknowledgements are marked `quarantine: boot`. A leader does not count a marked
 * acknowledgement: for no commit, no read, no lease, no quorum check. At the first mark with a new boot it also resets what
 * it knew of that member's log: `match` never falls otherwise.
 *
 * # When it ends: both conditions, in any order
 *
 * (a) A term of every other voter was seen since the quarantine began, and this replica's own term is at least as high as
 *     each of them (`recordTerm`; requested by `requestTerms`).
 * (b) A leader of this replica's term sends `release` with an index: it committed an entry of its own term, then began a
 *     heartbeat round after it had reset what it knew of this member, and a quorum without any member in quarantine
 *     answered that round; `index` is its commit index afterwards. This replica's log matches that leader's up to
 *     `index`, durably.
 *
 * At that moment the vote of the current term counts as cast (for itself, if for nobody): it votes in higher terms only.
 *
 * # Why that is safe
 *
 * Let R be the replica, and "old R" what it was before its disk went back. The owner guarantees that no message of old R
 * arrives anywhere after one of new R, and that a peer with evidence of the roll-back reports it before either of the two
 * takes any message from the other.
 *
 * - No second vote in a term. A vote of old R in term t went to a candidate that had t on its disk before it asked. Terms
 *   never fall, so that candidate reports at least t in (a), R's term is then at least t, and R votes above it. If the
 *   candidate was old R itself, whoever voted for it has term t on disk as well; if nobody did, nothing came of the term.
 * - No leader lacks a committed entry. Let e be an entry that old R acknowledged in term t, and that was committed with that
 *   acknowledgement. A leader L of a later term was elected without a vote of R given in quarantine, so the usual argument
 *   holds: among its voters is one that acknowledged e before it voted, and if that one is old R, it voted while it still
 *   had e. So L has e, below the entry with which its term began, hence below `index` of (b); so R has e when it votes
 *   again. If L is still the leader of t, everything that it counted from old R it counted before it reset `match`, so
 *   before it took `index`.
 * - No deposed leader commits an entry or confirms a read: old R may have helped to elect its successor. Nothing from new R
 *   counts before (a), and after (a) its term is at least the successor's, so it refuses the deposed leader.
 * - What R acknowledged in quarantine may count once that is over: it is on its disk, in a log that it compared with this
 *   leader's in a term that is at least as high as every term in which old R voted.
 * - Several members of a group may be in quarantine at once, as long as a quorum is not: (b) needs one without them.
 *
 * # Limits
 *
 * Quarantine begins when the roll-back is detected. If the only nodes that knew of an acknowledgement are gone, or were
 * restarted before they had stored it, a rolled back replica goes undetected (`shard/node/rollback-detector.ts` lists when
 * exactly).
 *
 * It does not end without a quorum outside quarantine: no node there knows what was acknowledged. The operator can end it
 * with `RaftOptions.trusted`. Then (a) and (b) are not waited for, and nothing of the above holds for what the disk lacks.
 *
 * A replica that restarts in quarantine must be created with `RaftOptions.quarantine`, until `quarantineIsOver` was seen.
 */
import type { Core, Quarantine } from './core.js';
import type { AppendOk, Heartbeat, HeartbeatOk, Message, Release, SnapshotAnswer } from './messages.js';
import type { Progress } from './progress.js';
import { quorumIndex, votersOf } from './quorum.js';
import { confirmReads, maybeCommit } from './replication.js';
import type { Follower, Leader } from './roles.js';
import { NONE, type NodeId } from './types.js';

/** Long enough to be found by a leader, if there is one. */
const TRUSTED_TIMEOUTS = 4;

type Acknowledgement = AppendOk | HeartbeatOk | SnapshotAnswer;

// The replica in quarantine.

/** Enters quarantine and drops pending answers. False: it is in the quarantine of this boot already. */
export function enterQuarantine(core: Core, boot: number): boolean {
  if (core.quarantine?.boot === boot) return false;
  core.quarantine = { boot, termsSeen: new Set(), ticks: 0 };
  core.outbox.dropHeld();
  if (core.role.type !== 'follower') core.becomeFollower(core.term, NONE);
  else core.role.quiesced = false;
  requestTerms(core, core.quarantine.termsSeen);
  return true;
}

function requestTerms(core: Core, seen: ReadonlySet<NodeId>): void {
  for (const to of votersOf(core.configuration)) if (to !== core.id && !seen.has(to)) requestTerm(core, to);
}

/**
 * Requests a member's term with a pre-vote for term 0: a member of a higher term answers with it, and no state changes.
 * Not a message type of its own, so that builds without quarantine answer it too.
 */
export function requestTerm(core: Core, to: NodeId): void {
  const nothing = { lastIndex: 0, lastTerm: 0, forced: false };
  core.outbox.send({ type: 'vote', from: core.id, to, term: 0, preVote: true, ...nothing });
}

/** One tick in quarantine: repeats the requests, and drops a leader that is silent, since this replica does not campaign. */
export function tickQuarantine(core: Core, follower: Follower): void {
  const { quarantine } = core;
  if (quarantine === undefined) return;
  if (++quarantine.ticks % core.options.heartbeatTicks === 0) requestTerms(core, quarantine.termsSeen);
  if (++follower.electionElapsed < follower.electionTimeout) return;
  follower.electionElapsed = 0;
  follower.leader = NONE;
  const { trusted = false, electionTicks } = core.options;
  if (trusted && quarantine.ticks >= TRUSTED_TIMEOUTS * electionTicks) leaveQuarantine(core, quarantine);
}

/** Records that a term of the sender was seen. To be called after `admit` acted on the message's term. */
export function recordTerm(core: Core, message: Message): void {
  // The term of a pre-vote is at least the sender's own, as is that of every other message.
  if (core.quarantine !== undefined && core.term >= message.term) core.quarantine.termsSeen.add(message.from);
}

/** The acknowledgement as it may be sent: marked while in quarantine. */
export function marked<M extends Acknowledgement>(core: Core, message: M): M {
  return core.quarantine === undefined ? message : { ...message, quarantine: core.quarantine.boot };
}

/** Ends the quarantine if this heartbeat carries the release and both conditions hold. */
export function maybeLeaveQuarantine(core: Core, follower: Follower, { release }: Heartbeat): void {
  const { quarantine, log } = core;
  if (quarantine === undefined || release?.boot !== quarantine.boot) return;
  if (follower.matched < release.index || log.stableIndex < release.index) return;
  if (votersOf(core.configuration).some((id) => id !== core.id && !quarantine.termsSeen.has(id))) return;
  leaveQuarantine(core, quarantine);
}

function leaveQuarantine(core: Core, { boot }: Quarantine): void {
  core.quarantine = undefined;
  core.released = boot;
  if (core.vote === NONE) core.vote = core.id;
}

/** Field of a heartbeat answer that confirms a release to the leader. */
export function releaseAnswer(core: Core, { release }: Heartbeat): Pick<HeartbeatOk, 'released'> {
  const hasLeft = release !== undefined && core.quarantine === undefined && core.released === release.boot;
  return hasLeft ? { released: release.boot } : {};
}

// Its leader.

/**
 * Is the acknowledgement to be processed? The first one marked with a new boot resets what is known of the member's log.
 * After that an unmarked one is processed only once the member confirmed its `release`: acknowledgements from before the
 * quarantine may arrive late.
 */
export function admitAcknowledgement(core: Core, leader: Leader, peer: Progress, message: Acknowledgement): boolean {
  const { quarantine } = peer;
  const boot = message.quarantine;
  if (boot !== undefined) {
    if (boot <= peer.releasedBoot) return false;
    if (quarantine !== undefined && quarantine.boot >= boot) return quarantine.boot === boot;
    peer.reset(core.log.lastIndex, { boot, context: ++core.lastContext, index: 0 });
    leader.appendsDue = true;
    leader.readRoundDue = true;
    return true;
  }
  if (quarantine === undefined) return true;
  if (message.type !== 'heartbeat-ok' || message.released !== quarantine.boot) return false;
  peer.quarantine = undefined;
  peer.releasedBoot = quarantine.boot;
  maybeCommit(core, leader);
  confirmReads(core, leader);
  return true;
}

/** The release that the next heartbeat carries to a member in quarantine; undefined: none, or not yet. */
export function releaseFor(core: Core, leader: Leader, { quarantine }: Progress): Release | undefined {
  if (quarantine === undefined) return undefined;
  const { commit } = core.log;
  const isConfirmed = quorumIndex(core.configuration, leader.contextOf) >= quarantine.context;
  if (quarantine.index === 0 && isConfirmed && commit >= leader.termStart) quarantine.index = commit;
  return quarantine.index === 0 ? undefined : { boot: quarantine.boot, index: quarantine.index };
}

/** The context that heartbeats must carry for members in quarantine; 0: none waits for a round. */
export function contextForRelease(leader: Leader): number {
  let context = 0;
  for (const { quarantine } of leader.peers.values()) {
    if (quarantine?.index === 0) context = Math.max(context, quarantine.context);
  }
  return context;
}
