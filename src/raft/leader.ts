/**
 * The leader role: takes proposals and reads, replicates its log, and checks that a quorum still answers it. Replication
 * is in `replication.ts`, snapshots in `snapshot-sender.ts`.
 *
 * - It begins its term with a no-op entry, through which everything earlier commits (§8, s40).
 * - It never overwrites its own entries; a refused proposal appends nothing.
 * - It steps down when no quorum answered for an election timeout (s21).
 * - It leads only while its own disk works: what it commits it cannot apply before that disk has it, so a disk that
 *   hangs would stop the group for as long as it hangs. See `stepDownWhenDiskHangs`.
 */
import type { Core } from './core.js';
import { Lag } from './lag.js';
import type { Message } from './messages.js';
import { Progress } from './progress.js';
import { admitAcknowledgement } from './quarantine.js';
import { isVoter, membersOf, quorumIndex } from './quorum.js';
import { maybeQuiesce, wake } from './quiescence.js';
import { ReadIndexQueue } from './read-index.js';
import {
  announceCommit,
  maybeSendTimeoutNow,
  confirmReads,
  maybeCommit,
  flushAppends,
  flushHeartbeats,
  receiveAppendOk,
  receiveAppendRefused,
  receiveHeartbeatOk,
} from './replication.js';
import type { ProposeResult, ReadResult, TransferResult } from './status.js';
import type { Leader } from './roles.js';
import { receiveSnapshotAnswer, tickSnapshots } from './snapshot-sender.js';
import { EntryKind, NONE, type NodeId } from './types.js';

const NO_DATA = new Uint8Array(0);

export function becomeLeader(core: Core): void {
  const { log, id } = core;
  const uncommittedBytes = log.bytesBetween(log.commit, log.lastIndex);
  const termStart = log.lastIndex + 1;
  const peers = new Map<NodeId, Progress>();
  for (const member of membersOf(core.configuration)) {
    if (member !== id) peers.set(member, new Progress(member, termStart));
  }
  core.role = {
    type: 'leader',
    termStart,
    peers,
    // Its own entry counts when its own disk has it (s34).
    matchOf: (member) => (member === id ? log.stableIndex : (peers.get(member)?.countedMatch ?? 0)),
    contextOf: (member) => (member === id ? Infinity : (peers.get(member)?.countedContext ?? 0)),
    reads: new ReadIndexQueue(),
    electionElapsed: 0,
    heartbeatElapsed: 0,
    quietTicks: 0,
    quiesced: false,
    transfer: undefined,
    mayBeForced: false,
    uncommittedBytes,
    diskLag: new Lag(),
    appendsDue: true,
    roundDue: false,
    readRoundDue: false,
    commitDue: false,
  };
  log.append(core.term, EntryKind.noop, [NO_DATA]);
}

export function tickLeader(core: Core, leader: Leader): void {
  if (leader.quiesced) return;
  const { electionTicks, heartbeatTicks } = core.options;
  if (++leader.electionElapsed >= electionTicks) {
    leader.electionElapsed = 0;
    if (!quorumIsActive(core, leader)) {
      core.becomeFollower(core.term, NONE);
      return;
    }
  }
  if (leader.transfer !== undefined && ++leader.transfer.elapsed >= electionTicks) leader.transfer = undefined;
  if (stepDownWhenDiskHangs(core, leader)) return;
  tickSnapshots(core, leader);
  if (++leader.heartbeatElapsed >= heartbeatTicks) {
    leader.heartbeatElapsed = 0;
    leader.roundDue = true;
  }
  announceCommit(core, leader);
  maybeQuiesce(core, leader);
}

/**
 * What was committed an election timeout ago is durable on a quorum and not here: the disk hangs, without failing.
 * Leadership is transferred to the best follower. If that did not happen after another election timeout, the leader steps
 * down (true), and `mayCampaign` keeps it from being elected again while its disk hangs. A leader whose disk hangs and
 * whose group has no quorum without it commits nothing, and stays leader: most likely no other could either. Whoever
 * knows that its disk hangs transfers it.
 */
function stepDownWhenDiskHangs(core: Core, leader: Leader): boolean {
  const { electionTicks } = core.options;
  const ticks = leader.diskLag.tick(core.log.commit, core.log.stableIndex);
  if (ticks === electionTicks) {
    const target = bestFollower(core, leader);
    if (target !== undefined) transferLeadership(core, leader, target.id);
  }
  if (ticks < 2 * electionTicks) return false;
  core.becomeFollower(core.term, NONE);
  return true;
}

/** Transfer target: an active voter rather than an inactive one, then the highest match. */
function bestFollower(core: Core, leader: Leader): Progress | undefined {
  let best: Progress | undefined;
  for (const peer of leader.peers.values()) {
    if (!isVoter(core.configuration, peer.id) || peer.countedMatch < core.log.commit) continue;
    const isBetter =
      best === undefined ||
      (peer.recentlyActive === best.recentlyActive ? peer.match > best.match : peer.recentlyActive);
    if (isBetter) best = peer;
  }
  return best;
}

/** Did a quorum answer since the last check? Begins the next period. */
function quorumIsActive(core: Core, leader: Leader): boolean {
  const active = quorumIndex(core.configuration, (id) => {
    return id === core.id || leader.peers.get(id)?.countsAsActive === true ? 1 : 0;
  });
  for (const peer of leader.peers.values()) peer.beginPeriod();
  return active > 0;
}

/** For each member that is not gone, the first index that it needs, if the log still has it. */
export function entriesNeeded(core: Core, leader: Leader): number[] {
  const needed: number[] = [];
  for (const peer of leader.peers.values()) {
    if (!peer.isGone && peer.needsFrom >= core.log.firstIndex) needed.push(peer.needsFrom);
  }
  return needed;
}

export function stepLeader(core: Core, leader: Leader, message: Message): void {
  const peer = leader.peers.get(message.from);
  if (peer === undefined) return;
  switch (message.type) {
    case 'append-ok':
      peer.recentlyActive = true;
      if (admitAcknowledgement(core, leader, peer, message)) receiveAppendOk(core, leader, peer, message);
      break;
    case 'append-refused':
      peer.recentlyActive = true;
      receiveAppendRefused(core, leader, peer, message);
      break;
    case 'heartbeat-ok':
      peer.recentlyActive = true;
      if (admitAcknowledgement(core, leader, peer, message)) receiveHeartbeatOk(core, leader, peer, message);
      break;
    case 'snapshot-answer':
      peer.recentlyActive = true;
      if (admitAcknowledgement(core, leader, peer, message)) receiveSnapshotAnswer(core, leader, peer, message);
      break;
    case 'append':
    case 'heartbeat':
    case 'snapshot':
    case 'timeout-now':
    case 'vote':
    case 'vote-answer':
    case 'term-notice':
      break;
  }
}

/** The leader's own write is durable: its own entries count. */
export function entriesAreDurable(core: Core, leader: Leader): void {
  maybeCommit(core, leader);
}

/** Puts into the outbox what became due since the last `ready()`. See `Leader.appendsDue`. */
export function flushLeader(core: Core, leader: Leader): void {
  if (leader.appendsDue) flushAppends(core, leader);
  if (leader.roundDue || leader.readRoundDue || leader.commitDue) flushHeartbeats(core, leader);
}

export function isDue(leader: Leader): boolean {
  return leader.appendsDue || leader.roundDue || leader.readRoundDue || leader.commitDue;
}

export function propose(core: Core, leader: Leader, data: readonly Uint8Array[]): ProposeResult {
  if (leader.transfer !== undefined) return { type: 'refused', reason: 'transferring', leader: core.id };
  let bytes = 0;
  for (const item of data) bytes += item.length;
  // While nothing is uncommitted a proposal of any size is accepted.
  if (leader.uncommittedBytes > 0 && leader.uncommittedBytes + bytes > core.options.maxUncommittedBytes) {
    return { type: 'refused', reason: 'overloaded', leader: core.id };
  }
  const firstIndex = core.log.lastIndex + 1;
  if (data.length > 0) {
    leader.uncommittedBytes += bytes;
    core.log.append(core.term, EntryKind.command, data);
    leader.appendsDue = true;
    wake(core);
  }
  return { type: 'appended', firstIndex, term: core.term };
}

export function readIndex(core: Core, leader: Leader): ReadResult {
  const context = ++core.lastContext;
  const { commit } = core.log;
  leader.reads.add(context, commit >= leader.termStart ? commit : undefined);
  leader.readRoundDue = true;
  wake(core);
  // A single voter is its own quorum.
  confirmReads(core, leader);
  return { type: 'accepted', context };
}

/** The target catches up first; meanwhile proposals are refused; abandoned after an election timeout (s52, s53). */
export function transferLeadership(core: Core, leader: Leader, to: NodeId): TransferResult {
  if (to === core.id) return 'already-leader';
  const peer = leader.peers.get(to);
  if (peer?.quarantine !== undefined) return 'no-such-voter';
  if (peer === undefined || !isVoter(core.configuration, to)) return 'no-such-voter';
  wake(core);
  if (leader.transfer?.to === to) return 'started';
  leader.transfer = { to, elapsed: 0 };
  leader.mayBeForced = true;
  maybeSendTimeoutNow(core, leader, peer);
  return 'started';
}
