/**
 * Quarantine: how a replica whose disk went back in time becomes a voter again (s60).
 *
 * A disk that was restored from a copy, or emptied, no longer knows what its replica acknowledged and whom it voted for.
 * Whoever owns the replica notices that (`shard/node/lives.ts`) and calls `Raft.quarantine(life)`. `life` is any number that
 * this node never used for an earlier process.
 *
 * # What a replica in quarantine does
 *
 * It takes entries and snapshots as ever, and says what it has, for that is how it is brought up. But it stands for no
 * election and gives no vote, and all that it acknowledges bears the mark `quarantine: life`. A leader counts nothing
 * that is so marked: no commit, no read, no lease, no sign of a quorum. With the first mark of a life it also drops what it believed of
 * that member's log: `match` never falls within one life of a log, and this is another.
 *
 * # When it ends: both, in any order
 *
 * (a) Every other voter has told its term since the quarantine began, and this replica's own term is at least as high as
 *     each of them (`noteTerm`; asked for by `askForTerms`).
 * (b) A leader of this replica's term says `release` with an index: it committed an entry of its own term, then began a
 *     round of heartbeats after it had dropped what it believed of this member, and a quorum without any member in
 *     quarantine answered that round; `index` is its commit index afterwards. This replica's log matches that
 *     leader's up to `index`, durably.
 *
 * At that moment the vote of the current term counts as given (to itself, if to nobody): it votes in higher terms only.
 *
 * # Why that is safe
 *
 * Let R be the replica. "Old R" is what it was before its disk went back. The owner guarantees that nothing of old R arrives anywhere after
 * something of the new R has, and that a peer which could accuse R does so before either takes anything from the other.
 *
 * - No second vote in a term. A vote of old R in term t went to a candidate that had t on its disk before it asked. Terms never
 *   fall, so that candidate tells at least t in (a), R's term is then at least t, and R votes above it. If the candidate was old R
 *   itself, whoever voted for it has term t on disk as well; if nobody did, the term has no leader and no trace.
 * - No leader lacks a committed entry. Let e be an entry that old R acknowledged in term t, and that was committed with that
 *   acknowledgement. A leader L of a later term was elected without a vote of R given in quarantine, so the usual argument
 *   holds for it: among its voters is one that acknowledged e before it voted, and if that one is old R, it voted while it still had e.
 *   So L has e, below the entry with which its term began, hence below `index` of (b); so R has e when it votes again.
 *   If L is still the leader of t, everything that it counted from old R it counted before it dropped `match`, so before it
 *   took `index`.
 * - No entry is committed, and no read confirmed, by a leader that is deposed: old R may have helped to elect its successor. New R
 *   says nothing that counts before (a), and after (a) its term is at least the successor's, so it refuses the deposed one.
 * - What R acknowledged in quarantine may count from the end of it on: it is on its disk, in a log that it compared with this leader's
 *   in a term that is at least as high as every term in which old R voted.
 * - Several members of a group may be in quarantine at once, as long as a quorum is not: (b) needs one without them.
 *
 * # What it cannot do
 *
 * It begins when somebody notices. If the only nodes that knew of an acknowledgement are gone, or were restarted and
 * had not kept it yet, a rolled back replica is taken for an honest one (`shard/node/lives.ts` says when exactly).
 *
 * It does not end where no quorum is without quarantine: there nobody can say what was acknowledged. A person may:
 * `RaftOptions.trusted`. Then (a) and (b) are not waited for, and nothing of the above holds for what the disk lacks.
 *
 * A replica that is restarted in quarantine must be made with `RaftOptions.quarantine`, until `quarantineIsOver` was seen.
 */
import type { Core, Quarantine } from './core.js';
import type { AppendOk, Heartbeat, HeartbeatOk, Message, Release, SnapshotAnswer } from './messages.js';
import type { Progress } from './progress.js';
import { quorumIndex, votersOf } from './quorum.js';
import { confirmReads, countCommit } from './replication.js';
import type { Follower, Leader } from './roles.js';
import { NONE, type NodeId } from './types.js';

/** Long enough to be found by a leader, if there is one. */
const TRUSTED_TIMEOUTS = 4;

type Acknowledgement = AppendOk | HeartbeatOk | SnapshotAnswer;

// The replica in quarantine.

/** Enters quarantine; false: it is in that of the same life. What it was about to say is not said. */
export function enterQuarantine(core: Core, life: number): boolean {
  if (core.quarantine?.life === life) return false;
  core.quarantine = { life, told: new Set(), ticks: 0 };
  core.outbox.dropHeld();
  if (core.role.type !== 'follower') core.becomeFollower(core.term, NONE);
  else core.role.quiesced = false;
  askForTerms(core, core.quarantine.told);
  return true;
}

function askForTerms(core: Core, told: ReadonlySet<NodeId>): void {
  for (const to of votersOf(core.configuration)) if (to !== core.id && !told.has(to)) askForTerm(core, to);
}

/**
 * Asks for a term with a pre-vote for term 0: whoever is in a higher one says so, and nobody's state changes. (The
 * reason that it is no message of its own: builds that know no quarantine answer it too.)
 */
export function askForTerm(core: Core, to: NodeId): void {
  const nothing = { lastIndex: 0, lastTerm: 0, forced: false };
  core.outbox.send({ type: 'vote', from: core.id, to, term: 0, preVote: true, ...nothing });
}

/** One tick in quarantine: asks again, and forgets a leader that is silent, for nobody stands for election here. */
export function tickQuarantine(core: Core, follower: Follower): void {
  const { quarantine } = core;
  if (quarantine === undefined) return;
  if (++quarantine.ticks % core.options.heartbeatTicks === 0) askForTerms(core, quarantine.told);
  if (++follower.electionElapsed < follower.electionTimeout) return;
  follower.electionElapsed = 0;
  follower.leader = NONE;
  const { trusted = false, electionTicks } = core.options;
  if (trusted && quarantine.ticks >= TRUSTED_TIMEOUTS * electionTicks) leaveQuarantine(core, quarantine);
}

/** A message came, and what follows from its term has been done: has its sender told its term? */
export function noteTerm(core: Core, message: Message): void {
  // The term of a pre-vote is at least the sender's own, as is that of every other message.
  if (core.quarantine !== undefined && core.term >= message.term) core.quarantine.told.add(message.from);
}

/** An acknowledgement as it may be said: marked, as long as it does not count. */
export function marked<M extends Acknowledgement>(core: Core, message: M): M {
  return core.quarantine === undefined ? message : { ...message, quarantine: core.quarantine.life };
}

/** The leader's heartbeat may be what ends the quarantine. */
export function mayBeReleased(core: Core, follower: Follower, { release }: Heartbeat): void {
  const { quarantine, log } = core;
  if (quarantine === undefined || release?.life !== quarantine.life) return;
  if (follower.matched < release.index || log.stableIndex < release.index) return;
  if (votersOf(core.configuration).some((id) => id !== core.id && !quarantine.told.has(id))) return;
  leaveQuarantine(core, quarantine);
}

function leaveQuarantine(core: Core, { life }: Quarantine): void {
  core.quarantine = undefined;
  core.released = life;
  if (core.vote === NONE) core.vote = core.id;
}

/** The answer to a heartbeat: does it, besides, tell the leader that the quarantine which it wants to end has ended? */
export function releasedFrom(core: Core, { release }: Heartbeat): Pick<HeartbeatOk, 'released'> {
  const isSo = release !== undefined && core.quarantine === undefined && core.released === release.life;
  return isSo ? { released: release.life } : {};
}

// Its leader.

/**
 * An acknowledgement came. The first mark of a life begins what is known of the member's log anew. Without a mark it counts
 * only if the leader knows the member to be in no quarantine, which only the answer to `release` tells: what was said
 * before the quarantine may arrive late. False: of no use.
 */
export function mayBeUsed(core: Core, leader: Leader, peer: Progress, message: Acknowledgement): boolean {
  const { quarantine } = peer;
  const life = message.quarantine;
  if (life !== undefined) {
    if (life <= peer.releasedLife) return false;
    if (quarantine !== undefined && quarantine.life >= life) return quarantine.life === life;
    peer.beginAnew(core.log.lastIndex, { life, context: ++core.lastContext, index: 0 });
    leader.appendsDue = true;
    leader.readRoundDue = true;
    return true;
  }
  if (quarantine === undefined) return true;
  if (message.type !== 'heartbeat-ok' || message.released !== quarantine.life) return false;
  peer.quarantine = undefined;
  peer.releasedLife = quarantine.life;
  countCommit(core, leader);
  confirmReads(core, leader);
  return true;
}

/** What the next heartbeat tells a member in quarantine; undefined: nothing, or not yet. */
export function releaseOf(core: Core, leader: Leader, { quarantine }: Progress): Release | undefined {
  if (quarantine === undefined) return undefined;
  const { commit } = core.log;
  const isConfirmed = quorumIndex(core.configuration, leader.contextOf) >= quarantine.context;
  if (quarantine.index === 0 && isConfirmed && commit >= leader.termStart) quarantine.index = commit;
  return quarantine.index === 0 ? undefined : { life: quarantine.life, index: quarantine.index };
}

/** The context that heartbeats carry for the sake of members in quarantine; 0: none waits for a round. */
export function contextForRelease(leader: Leader): number {
  let context = 0;
  for (const { quarantine } of leader.peers.values()) {
    if (quarantine?.index === 0) context = Math.max(context, quarantine.context);
  }
  return context;
}
