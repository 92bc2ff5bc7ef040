/**
 * A leader's replication: appends, heartbeats, their answers, what these commit (§5.3, §5.4.2), and the last step of a
 * leadership transfer.
 *
 * - Only entries of the leader's own term commit by counting; earlier ones commit with them (s38, s39).
 * - Appends are built when `ready()` is called, so everything proposed until then shares them.
 * - Every heartbeat carries the newest pending read context, so reads survive a lost round.
 */
import type { Core } from './core.js';
import { NO_ENTRIES } from './log.js';
import type { AppendOk, AppendRefused, Heartbeat, HeartbeatOk } from './messages.js';
import type { Progress } from './progress.js';
import { contextForRelease, releaseFor } from './quarantine.js';
import { quorumIndex } from './quorum.js';
import type { Leader } from './roles.js';
import { startSnapshot } from './snapshot-sender.js';
import type { Entry } from './types.js';

export function flushAppends(core: Core, leader: Leader): void {
  leader.appendsDue = false;
  for (const peer of leader.peers.values()) sendAppends(core, peer);
}

/** Sends the entries that `peer` lacks, as far as its window allows. */
function sendAppends(core: Core, peer: Progress): void {
  const { log, options, inflightLimit } = core;
  while (peer.next <= log.lastIndex && peer.maySend(inflightLimit)) {
    if (peer.next <= log.snapshotIndex) {
      startSnapshot(core, peer);
      return;
    }
    const entries = log.slice(peer.next, options.maxAppendBytes);
    sendAppend(core, peer, peer.next - 1, entries);
    let bytes = 0;
    for (const { data } of entries) bytes += data.length;
    peer.sent(peer.next + entries.length - 1, bytes);
  }
}

function sendAppend(core: Core, peer: Progress, prevIndex: number, entries: readonly Entry[]): void {
  const { log, id, term } = core;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) {
    // Compacted meanwhile, and so is the next entry that it needs (s67).
    startSnapshot(core, peer);
    return;
  }
  const commit = log.commit;
  peer.commitSent = Math.max(peer.commitSent, Math.min(commit, prevIndex + entries.length));
  core.outbox.send({ type: 'append', from: id, to: peer.id, term, prevIndex, prevTerm, entries, commit });
}

/** To all members when a round is due, else to those that lack the commit index. */
export function flushHeartbeats(core: Core, leader: Leader): void {
  const toAll = leader.roundDue || leader.readRoundDue;
  const readContext = Math.max(leader.reads.context, contextForRelease(leader));
  for (const peer of leader.peers.values()) {
    if (leader.roundDue) peer.heartbeatRound();
    const commit = Math.min(core.log.commit, peer.match);
    if (!toAll && peer.commitSent >= commit) continue;
    peer.commitSent = Math.max(peer.commitSent, commit);
    const heartbeat: Heartbeat = {
      type: 'heartbeat',
      from: core.id,
      to: peer.id,
      term: core.term,
      commit,
      readContext,
      quiesce: leader.quiesced,
    };
    const release = releaseFor(core, leader, peer);
    core.outbox.send(release === undefined ? heartbeat : { ...heartbeat, release });
  }
  leader.roundDue = false;
  leader.readRoundDue = false;
  leader.commitDue = false;
}

/** Once a tick: members to which no append carried the commit index get it with a heartbeat. */
export function announceCommit(core: Core, leader: Leader): void {
  for (const peer of leader.peers.values()) {
    if (peer.commitSent < Math.min(core.log.commit, peer.match)) leader.commitDue = true;
  }
}

export function receiveAppendOk(core: Core, leader: Leader, peer: Progress, message: AppendOk): void {
  const { log } = core;
  if (message.index > log.lastIndex) return;
  if (peer.acknowledged(message.index, log.snapshotIndex)) {
    leader.quietTicks = 0;
    maybeCommit(core, leader);
    maybeSendTimeoutNow(core, leader, peer);
  }
  wantAppends(core, leader, peer);
}

/** Marks appends as due if `peer` lacks entries and can take them. */
export function wantAppends(core: Core, leader: Leader, peer: Progress): void {
  if (peer.next <= core.log.lastIndex && peer.maySend(core.inflightLimit)) leader.appendsDue = true;
}

export function receiveAppendRefused(core: Core, leader: Leader, peer: Progress, message: AppendRefused): void {
  // Of the entries up to the hint, only those with at most the follower's term there can match (s30).
  const guess = core.log.lastWithTermAtMost(message.hintIndex, message.hintTerm);
  if (peer.refused(message.rejectedIndex, guess)) wantAppends(core, leader, peer);
}

export function receiveHeartbeatOk(core: Core, leader: Leader, peer: Progress, message: HeartbeatOk): void {
  switch (peer.heartbeatAnswered(message.lastIndex)) {
    case 'send':
      wantAppends(core, leader, peer);
      break;
    case 'check':
      // An empty append behind everything sent: refused unless all of that arrived.
      sendAppend(core, peer, peer.lastSent, NO_ENTRIES);
      break;
    case 'nothing':
      break;
  }
  maybeSendTimeoutNow(core, leader, peer);
  if (message.readContext > peer.readContext) {
    peer.readContext = message.readContext;
    peer.promiseMs = message.promiseMs ?? 0;
    confirmReads(core, leader);
  }
}

/** Commits up to the highest index that a quorum holds durably, if that is of this term. */
export function maybeCommit(core: Core, leader: Leader): void {
  const { log } = core;
  const index = Math.min(quorumIndex(core.configuration, leader.matchOf), log.lastIndex);
  if (index <= log.commit || index < leader.termStart) return;
  const isFirst = log.commit < leader.termStart;
  leader.uncommittedBytes -= log.bytesBetween(log.commit, index);
  log.commitTo(index);
  if (!isFirst) return;
  leader.reads.firstCommit(log.commit);
  confirmReads(core, leader);
}

/**
 * The next entry to commit is durable here, and a quorum of members that answer heartbeats has received it: the links and
 * this replica's disk work, and only writes on the disks of other members are missing.
 */
export function isHeldUpByDisksOfOthers(core: Core, leader: Leader): boolean {
  const { log, configuration, id } = core;
  const index = Math.max(log.commit + 1, leader.termStart);
  if (log.stableIndex < index) return false;
  const received = quorumIndex(configuration, (member) => {
    if (member === id) return log.stableIndex;
    const peer = leader.peers.get(member);
    return peer === undefined || peer.quarantine !== undefined ? 0 : peer.received;
  });
  return received >= index;
}

export function confirmReads(core: Core, leader: Leader): void {
  if (leader.reads.isEmpty) return;
  const confirmed = quorumIndex(core.configuration, leader.contextOf);
  leader.reads.confirm(confirmed, (read) => {
    if (core.options.leaseReads !== true) core.outbox.confirmRead(read);
    else core.outbox.confirmRead({ ...read, promiseMs: promisedWith(core, leader, read.context) });
  });
}

/**
 * For how many ms a quorum promised, in its answers to this round or a later one, to vote for nobody else: the shortest
 * promise of the majority with the longest. An answer without a promise (an older build, leases not enabled) counts as 0.
 */
function promisedWith(core: Core, leader: Leader, context: number): number {
  const promise = quorumIndex(core.configuration, (id) => {
    if (id === core.id) return Infinity;
    const peer = leader.peers.get(id);
    return peer !== undefined && peer.countedContext >= context ? peer.promiseMs : 0;
  });
  // A single voter: its own promise.
  return promise === Infinity ? (core.options.promiseMs ?? 0) : promise;
}

/**
 * Leadership transfer (thesis §3.10): once the target's log is level with the leader's, it is asked to campaign at once.
 * Repeating the message within a term is harmless.
 */
export function maybeSendTimeoutNow(core: Core, leader: Leader, peer: Progress): void {
  if (leader.transfer?.to !== peer.id || peer.match !== core.log.lastIndex) return;
  core.outbox.send({ type: 'timeout-now', from: core.id, to: peer.id, term: core.term });
}
