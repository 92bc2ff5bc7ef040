/**
 * A leader's replication: appends, heartbeats, what comes back, and what that commits (§5.3, §5.4.2).
 *
 * - Only entries of the leader's own term commit by counting; earlier ones commit with them (s38, s39).
 * - Appends are made when `ready()` is called, so everything proposed until then shares them.
 * - Every heartbeat carries the newest read context that waits, so reads survive a lost round.
 */
import type { Core } from './core.js';
import { NO_ENTRIES } from './log.js';
import type { AppendOk, AppendRefused, Heartbeat, HeartbeatOk } from './messages.js';
import type { Progress } from './progress.js';
import { contextForRelease, releaseOf } from './quarantine.js';
import { quorumIndex } from './quorum.js';
import type { Leader } from './roles.js';
import { startSnapshot } from './snapshot-sender.js';
import type { Entry } from './types.js';

export function flushAppends(core: Core, leader: Leader): void {
  leader.appendsDue = false;
  for (const peer of leader.peers.values()) sendAppends(core, peer);
}

/** Sends what `peer` lacks, as far as its window goes. */
function sendAppends(core: Core, peer: Progress): void {
  const { log, options, window } = core;
  while (peer.next <= log.lastIndex && peer.maySend(window)) {
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
    // Compacted since: also what it needs next is gone (s67).
    startSnapshot(core, peer);
    return;
  }
  const commit = log.commit;
  peer.commitSent = Math.max(peer.commitSent, Math.min(commit, prevIndex + entries.length));
  core.outbox.send({ type: 'append', from: id, to: peer.id, term, prevIndex, prevTerm, entries, commit });
}

/** To all when a round is due, else to whoever has not heard of the commit index. */
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
    const release = releaseOf(core, leader, peer);
    core.outbox.send(release === undefined ? heartbeat : { ...heartbeat, release });
  }
  leader.roundDue = false;
  leader.readRoundDue = false;
  leader.commitDue = false;
}

/** Once a tick: who has not been told by an append in the meantime hears of the commit index by a heartbeat. */
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
    countCommit(core, leader);
    askToTakeOver(core, leader, peer);
  }
  wantAppends(core, leader, peer);
}

/** Marks appends as due if `peer` lacks entries and can take them. */
export function wantAppends(core: Core, leader: Leader, peer: Progress): void {
  if (peer.next <= core.log.lastIndex && peer.maySend(core.window)) leader.appendsDue = true;
}

export function receiveAppendRefused(core: Core, leader: Leader, peer: Progress, message: AppendRefused): void {
  // Of what the follower may match, only what is not newer than its term there can (s30).
  const guess = core.log.lastWithTermAtMost(message.hintIndex, message.hintTerm);
  if (peer.refused(message.rejectedIndex, guess)) wantAppends(core, leader, peer);
}

export function receiveHeartbeatOk(core: Core, leader: Leader, peer: Progress, message: HeartbeatOk): void {
  switch (peer.heartbeatAnswered(message.lastIndex)) {
    case 'send':
      wantAppends(core, leader, peer);
      break;
    case 'ask':
      // Whether it has all that was sent: an empty append behind that.
      sendAppend(core, peer, peer.lastSent, NO_ENTRIES);
      break;
    case 'nothing':
      break;
  }
  askToTakeOver(core, leader, peer);
  if (message.readContext > peer.readContext) {
    peer.readContext = message.readContext;
    peer.promiseMs = message.promiseMs ?? 0;
    confirmReads(core, leader);
  }
}

/** Commits what a quorum holds durably, if that reaches into this term. */
export function countCommit(core: Core, leader: Leader): void {
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
 * What is to be committed next is on this replica's disk, and a quorum that answers heartbeats has received it: links
 * and disk of this replica have done their part, and what is missing is that the disks of others do theirs.
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
 * For how long a quorum promised, in its answers to this round or a later one, to vote for nobody else: what the least
 * of the best majority said. A voter that answered without a promise (an older build, leases not enabled) promised nothing.
 */
function promisedWith(core: Core, leader: Leader, context: number): number {
  const promise = quorumIndex(core.configuration, (id) => {
    if (id === core.id) return Infinity;
    const peer = leader.peers.get(id);
    return peer !== undefined && peer.countedContext >= context ? peer.promiseMs : 0;
  });
  // Alone, it can only be as good as its own word.
  return promise === Infinity ? (core.options.promiseMs ?? 0) : promise;
}

/**
 * Leadership transfer (thesis §3.10): once the target's log is level with the leader's, it is asked to campaign at once.
 * Repeating the message within a term is harmless.
 */
export function askToTakeOver(core: Core, leader: Leader, peer: Progress): void {
  if (leader.transfer?.to !== peer.id || peer.match !== core.log.lastIndex) return;
  core.outbox.send({ type: 'timeout-now', from: core.id, to: peer.id, term: core.term });
}
