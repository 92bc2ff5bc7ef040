/**
 * A leader's view of one other member's log, and the flow control towards it. All changes to either are made here.
 *
 *     probe      where the logs match is a guess (`next` − 1): send one append, then wait for the answer
 *     replicate  the match is known: appends are pipelined, up to a bounded number and size in flight
 *     snapshot   the member needs entries that the leader's log no longer has
 *
 * - `match` never falls, except by `reset` (the member's disk went back in time); `match` < `next`.
 * - Entries are resent only when they are known to be lost: their successor was refused, or the link broke. Heartbeats
 *   may overtake appends, for a link carries them first; so a heartbeat answer that does not cover an earlier append is
 *   no proof of a loss, however long that lasts. It triggers a delivery check: an empty append behind everything sent
 *   travels in the order of appends, and its refusal is the proof. Checks can be lost too, so they are repeated.
 */
import { Inflight } from './inflight.js';
import { DeliveryChecks } from './delivery-checks.js';
import { SnapshotTransfer } from './snapshot-sender.js';
import type { NodeId } from './types.js';

/** Heartbeat rounds after which an unanswered delivery check is repeated. */
const CHECK_EVERY_ROUNDS = 4;
/** Heartbeat rounds before an append that was received but not acknowledged is checked: the member's disk needs its time. */
const SYNC_ROUNDS = 3;
/** Heartbeat rounds within which an answer counts as recent: one may be lost, or its answer still be under way. */
const ANSWERS_WITHIN_ROUNDS = 2;
/** In place of an index: nothing is in flight, and nothing may be sent before a heartbeat is answered. */
const UNREACHABLE = Infinity;

export interface InflightLimit {
  /** Appends in flight. */
  readonly appends: number;
  /** Bytes of entry data in flight; may be exceeded by one append. */
  readonly bytes: number;
}

interface Probe {
  readonly type: 'probe';
  /** Last index of the append in flight; undefined: none is, one may be sent. */
  sentTo: number | undefined;
  /** Heartbeat rounds that started since it was sent. */
  rounds: number;
  /** `rounds` at which its delivery is checked. */
  checkAtRound: number;
}

interface Replicate {
  readonly type: 'replicate';
  readonly inflight: Inflight;
  /** Last index sent before the latest heartbeat round, and before the one before that. */
  sentBeforeLatest: number;
  sentBeforePrevious: number;
  /** Heartbeat rounds until the next delivery check may be sent. */
  checkInRounds: number;
  /** Index of the latest delivery check. */
  checkedTo: number;
  /** The member is silent, or its link takes nothing more: nothing is sent until it answers a heartbeat. */
  paused: boolean;
}

/** Election timeouts of silence after which a member counts as gone. */
const GONE_AFTER_PERIODS = 10;

interface Snapshot {
  readonly type: 'snapshot';
  readonly transfer: SnapshotTransfer;
}

/** What a heartbeat answer calls for: nothing; sending appends; or a delivery check of `lastSent`. */
export type Finding = 'nothing' | 'send' | 'check';

/** A leader's record of a member in quarantine: what it needs to be released (`quarantine.ts`). */
export interface PeerQuarantine {
  readonly boot: number;
  /** The read context that a quorum must confirm first. */
  readonly context: number;
  /** Index that the member must then hold; 0: not known yet. */
  index: number;
}

export class Progress {
  readonly id: NodeId;
  /** A message came from it since the last quorum check. */
  recentlyActive = false;
  /** Consecutive quorum checks without a message from it. */
  silentPeriods = 0;
  /** Newest read context that it confirmed. */
  readContext = 0;
  /** The vote promise that came with that context, in ms. */
  promiseMs = 0;
  /** Highest commit index sent to it. */
  commitSent = 0;
  /** Set while its acknowledgements do not count. */
  quarantine: PeerQuarantine | undefined;
  /** The last boot whose quarantine it is known to have left; messages still marked with it are late. */
  releasedBoot = 0;
  readonly #checks = new DeliveryChecks();
  #match = 0;
  /** How far its log matched at its last heartbeat answer, durably or not; and heartbeat rounds since. */
  #received = 0;
  #unansweredRounds = 0;
  #next: number;
  #flow: Probe | Replicate | Snapshot = { type: 'probe', sentTo: undefined, rounds: 0, checkAtRound: 1 };

  constructor(id: NodeId, next: number) {
    this.id = id;
    this.#next = next;
  }

  get match(): number {
    return this.#match;
  }
  /** `match` and `readContext`, as far as they count towards a quorum. */
  get countedMatch(): number {
    return this.quarantine === undefined ? this.#match : 0;
  }
  get countedContext(): number {
    return this.quarantine === undefined ? this.readContext : 0;
  }
  /** Highest index that it is known to have received, durably or not, as long as it answers heartbeats. */
  get received(): number {
    return this.#unansweredRounds > ANSWERS_WITHIN_ROUNDS ? this.#match : Math.max(this.#match, this.#received);
  }
  /** Silent for so long that neither entries nor an open snapshot are kept for it. */
  get isGone(): boolean {
    return !this.recentlyActive && this.silentPeriods >= GONE_AFTER_PERIODS;
  }
  /** Active, as far as it counts towards a quorum. */
  get countsAsActive(): boolean {
    return this.recentlyActive && this.quarantine === undefined;
  }
  get next(): number {
    return this.#next;
  }
  get state(): 'probe' | 'replicate' | 'snapshot' {
    return this.#flow.type;
  }
  get transfer(): SnapshotTransfer | undefined {
    return this.#flow.type === 'snapshot' ? this.#flow.transfer : undefined;
  }

  /** First index that it still needs from the log; Infinity while its snapshot has not begun: that will cover the log. */
  get needsFrom(): number {
    if (this.#flow.type !== 'snapshot') return this.#match + 1;
    const { meta } = this.#flow.transfer;
    return meta === undefined ? Infinity : meta.index + 1;
  }

  /** A quorum check took place: begins the next period. */
  beginPeriod(): void {
    this.silentPeriods = this.recentlyActive ? 0 : this.silentPeriods + 1;
    this.recentlyActive = false;
  }

  /** Last index in flight, or else known to match. A member that has it refuses no append behind it. */
  get lastSent(): number {
    const flow = this.#flow;
    if (flow.type !== 'probe') return this.#next - 1;
    return flow.sentTo === undefined || flow.sentTo === UNREACHABLE ? this.#match : flow.sentTo;
  }

  maySend(limit: InflightLimit): boolean {
    const flow = this.#flow;
    switch (flow.type) {
      case 'probe':
        return flow.sentTo === undefined;
      case 'replicate':
        return !flow.paused && flow.inflight.count < limit.appends && flow.inflight.bytes < limit.bytes;
      case 'snapshot':
        return false;
    }
  }

  /** An append with entries up to `lastIndex`, of `bytes` of data, was sent. */
  sent(lastIndex: number, bytes: number): void {
    switch (this.#flow.type) {
      case 'probe':
        this.#flow.sentTo = lastIndex;
        this.#flow.rounds = 0;
        this.#flow.checkAtRound = 1;
        break;
      case 'replicate':
        this.#flow.inflight.add(lastIndex, bytes);
        this.#next = lastIndex + 1;
        break;
      case 'snapshot':
        break;
    }
  }

  /** The append behind `prevIndex` could not be sent: it and what follows wait for a heartbeat answer. */
  notSent(prevIndex: number): void {
    const flow = this.#flow;
    switch (flow.type) {
      case 'probe':
        this.unreachable();
        break;
      case 'replicate':
        this.#next = Math.max(this.#match + 1, Math.min(this.#next, prevIndex + 1));
        flow.inflight.cutAfter(this.#next - 1);
        flow.sentBeforeLatest = Math.min(flow.sentBeforeLatest, this.#next - 1);
        flow.sentBeforePrevious = Math.min(flow.sentBeforePrevious, this.#next - 1);
        flow.paused = true;
        break;
      case 'snapshot':
        break;
    }
  }

  /** The member's log matches up to `index`, durably. False: that was known already. */
  acknowledged(index: number, snapshotIndex: number): boolean {
    const flow = this.#flow;
    const news = index > this.#match;
    if (news) {
      this.#match = index;
      this.#next = Math.max(this.#next, index + 1);
      this.#checks.acknowledged(index);
    }
    switch (flow.type) {
      case 'probe':
        if (news || (flow.sentTo !== undefined && index === this.#match)) this.#replicate();
        break;
      case 'replicate':
        flow.inflight.freeTo(index);
        if (index >= flow.checkedTo) flow.checkInRounds = 0;
        break;
      case 'snapshot':
        // It caught up by other means: what it needs next is in the log (s62).
        if (this.#match >= snapshotIndex) this.#replicate();
        break;
    }
    return news;
  }

  /**
   * The append behind `rejectedIndex` was refused; `guess` is the highest index that may match. False: the refusal is
   * stale (s31).
   */
  refused(rejectedIndex: number, guess: number): boolean {
    const wasCheck = this.#checks.refused(rejectedIndex);
    switch (this.#flow.type) {
      case 'probe':
        // Either of the probe itself, or of the check whether it arrived.
        if (rejectedIndex !== this.#next - 1 && !wasCheck) return false;
        if (rejectedIndex <= this.#match) return false;
        this.#probe(Math.min(rejectedIndex, guess + 1));
        return true;
      case 'replicate':
        // An append before it was lost, or the member lost entries that it had not acknowledged.
        if (rejectedIndex <= this.#match || rejectedIndex >= this.#next) return false;
        this.#probe(Math.min(rejectedIndex, guess + 1));
        return true;
      case 'snapshot':
        return false;
    }
  }

  /** A heartbeat round of the clock (not one for a read) is sent, after everything sent so far. */
  heartbeatRound(): void {
    this.#unansweredRounds++;
    const flow = this.#flow;
    if (flow.type === 'probe') flow.rounds++;
    if (flow.type === 'replicate') {
      flow.sentBeforePrevious = flow.sentBeforeLatest;
      flow.sentBeforeLatest = this.#next - 1;
      if (flow.checkInRounds > 0) flow.checkInRounds--;
    }
  }

  /** A heartbeat was answered: the member's log matches up to `matched`, durably or not. */
  heartbeatAnswered(matched: number): Finding {
    this.#received = matched;
    this.#unansweredRounds = 0;
    const finding = this.#find(matched);
    if (finding === 'check') this.#checks.started(this.lastSent);
    return finding;
  }

  #find(matched: number): Finding {
    const flow = this.#flow;
    switch (flow.type) {
      case 'probe':
        return this.#probeAnswered(flow, matched);
      case 'replicate':
        if (flow.paused) {
          flow.paused = false;
          return 'send';
        }
        if (flow.sentBeforePrevious <= this.#match || flow.checkInRounds > 0) return 'nothing';
        flow.checkInRounds = CHECK_EVERY_ROUNDS;
        flow.checkedTo = this.#next - 1;
        return 'check';
      case 'snapshot':
        return 'nothing';
    }
  }

  #probeAnswered(flow: Probe, matched: number): Finding {
    if (flow.sentTo === undefined) return 'send';
    if (flow.sentTo === UNREACHABLE) {
      if (flow.rounds < 1) return 'nothing';
      flow.sentTo = undefined;
      return 'send';
    }
    const sync = matched >= flow.sentTo ? SYNC_ROUNDS : 1;
    if (flow.rounds < Math.max(sync, flow.checkAtRound)) return 'nothing';
    flow.checkAtRound = flow.rounds + CHECK_EVERY_ROUNDS;
    return 'check';
  }

  /** The link to it broke, and everything in flight is lost: stop pipelining, and wait for a heartbeat answer. */
  unreachable(): void {
    const flow = this.#flow;
    this.#received = 0;
    this.#checks.clear();
    if (flow.type === 'snapshot') flow.transfer.linkBroke();
    if (flow.type === 'snapshot' || (flow.type === 'probe' && flow.sentTo === undefined)) return;
    this.#probe(flow.type === 'probe' ? this.#next : this.#match + 1);
    this.sent(UNREACHABLE, 0);
  }

  /** It stopped answering, but what is in flight may still arrive: send nothing more until it answers a heartbeat. */
  silent(): void {
    if (this.#flow.type === 'replicate') this.#flow.paused = true;
  }

  /** It needs entries that the log no longer has. */
  startSnapshot(): SnapshotTransfer {
    const transfer = new SnapshotTransfer();
    this.#flow = { type: 'snapshot', transfer };
    return transfer;
  }

  /** It holds everything up to `index` durably: entries can follow from there. */
  snapshotInstalled(index: number): void {
    this.#match = Math.max(this.#match, index);
    this.#replicate();
  }

  /** Its disk went back in time: nothing known of its log holds any more. */
  reset(next: number, quarantine: PeerQuarantine): void {
    this.quarantine = quarantine;
    this.readContext = 0;
    this.commitSent = 0;
    this.#match = 0;
    this.#received = 0;
    this.#probe(next);
  }

  #probe(next: number): void {
    this.#next = Math.max(this.#match + 1, next);
    this.#checks.resend();
    this.#flow = { type: 'probe', sentTo: undefined, rounds: 0, checkAtRound: 1 };
  }

  #replicate(): void {
    this.#next = this.#match + 1;
    this.#flow = {
      type: 'replicate',
      inflight: new Inflight(),
      sentBeforeLatest: this.#match,
      sentBeforePrevious: this.#match,
      checkInRounds: 0,
      checkedTo: 0,
      paused: false,
    };
  }
}
