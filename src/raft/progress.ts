/**
 * What a leader knows of one other member's log, and how fast it may send to it. All changes to that are made here.
 *
 *     probe      where the logs match is a guess (`next` − 1): one append, then wait for what comes back
 *     replicate  known: appends follow one another without waiting, up to a bounded number and size under way
 *     snapshot   the member needs entries that the leader's log no longer has
 *
 * - `match` never falls in one life of a log (`beginAnew` begins another); `match` < `next`.
 * - Entries are sent again only when it is known that they were lost: their successor was refused, or the link broke.
 *   Heartbeats may overtake appends, for a link carries them first; so an answer to one that shows nothing of what
 *   left before it is no proof of a loss, however long that takes. It is a reason to ask: an empty append behind what
 *   was sent travels in the order of appends, and its refusal is the proof. Questions can be lost as well, so they are
 *   repeated.
 *
 * Knows no log, message or quorum.
 */
import { Inflight } from './inflight.js';
import { Questions } from './questions.js';
import { SnapshotTransfer } from './snapshot-sender.js';
import type { NodeId } from './types.js';

/** Heartbeat rounds after which a question that was not answered is put again. */
const ASK_AGAIN_ROUNDS = 4;
/** … and after which an append that was received, as its receiver says, but not acknowledged is asked about: its disk has its time. */
const SYNC_ROUNDS = 3;
/** A heartbeat may be lost, or its answer be on its way when the next leaves. */
const ANSWERS_WITHIN_ROUNDS = 2;
/** In place of an index: nothing is under way, and nothing may be sent before a heartbeat is answered. */
const UNREACHABLE = Infinity;

export interface Window {
  /** Appends under way. */
  readonly appends: number;
  /** Bytes of entries under way; may be exceeded by one append. */
  readonly bytes: number;
}

interface Probe {
  readonly type: 'probe';
  /** Last index of the append under way; undefined: none is, one may be sent. */
  sentTo: number | undefined;
  /** Heartbeat rounds that started since it was sent. */
  rounds: number;
  /** `rounds` at which it is asked about. */
  askAtRound: number;
}

interface Replicate {
  readonly type: 'replicate';
  readonly inflight: Inflight;
  /** Last index sent before the latest heartbeat round, and before the one before that. */
  sentBeforeLatest: number;
  sentBeforePrevious: number;
  /** Heartbeat rounds until it may be asked (again) what has arrived. */
  askInRounds: number;
  /** What was asked about last. */
  askedTo: number;
  /** The member is silent, or takes nothing more: nothing is sent until it answers a heartbeat. */
  paused: boolean;
}

/** Election timeouts of silence after which a member is taken for gone. */
const GONE_AFTER_PERIODS = 10;

interface Snapshot {
  readonly type: 'snapshot';
  readonly transfer: SnapshotTransfer;
}

/** What follows from a heartbeat's answer: nothing; appends may be sent; or the member is asked whether it has `lastSent`. */
export type Finding = 'nothing' | 'send' | 'ask';

/** What a leader owes a member in quarantine (`quarantine.ts`). */
export interface PeerQuarantine {
  readonly life: number;
  /** The read context that a quorum must confirm first. */
  readonly context: number;
  /** What it must then have; 0: not known yet. */
  index: number;
}

export class Progress {
  readonly id: NodeId;
  /** Heard from since the last check of the quorum. */
  recentlyActive = false;
  /** Checks of the quorum in a row before which it was not heard. */
  silentPeriods = 0;
  /** Newest read context that it confirmed. */
  readContext = 0;
  /** What it promised with that. */
  promiseMs = 0;
  /** Highest commit index that it was told. */
  commitSent = 0;
  /** While what it acknowledges does not count. */
  quarantine: PeerQuarantine | undefined;
  /** The last life whose quarantine it is known to have left; what still bears its mark is late. */
  releasedLife = 0;
  readonly #questions = new Questions();
  #match = 0;
  /** How far its log matched when it last answered a heartbeat, durably or not; and heartbeat rounds since. */
  #received = 0;
  #unansweredRounds = 0;
  #next: number;
  #flow: Probe | Replicate | Snapshot = { type: 'probe', sentTo: undefined, rounds: 0, askAtRound: 1 };

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
  /** What it is known to have received, durably or not, as long as it answers heartbeats. */
  get received(): number {
    return this.#unansweredRounds > ANSWERS_WITHIN_ROUNDS ? this.#match : Math.max(this.#match, this.#received);
  }
  /** It was silent for so long that no entries, and no snapshot that it does not ask for, are kept for it. */
  get isGone(): boolean {
    return !this.recentlyActive && this.silentPeriods >= GONE_AFTER_PERIODS;
  }
  get isActiveVoice(): boolean {
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

  /** The first entry that it needs from the log; for a snapshot that was not begun yet, none that there is now. */
  get needsFrom(): number {
    if (this.#flow.type !== 'snapshot') return this.#match + 1;
    const { meta } = this.#flow.transfer;
    return meta === undefined ? Infinity : meta.index + 1;
  }

  /** The quorum is checked: another period begins. */
  beginPeriod(): void {
    this.silentPeriods = this.recentlyActive ? 0 : this.silentPeriods + 1;
    this.recentlyActive = false;
  }

  /** The end of what is under way, or of what it is known to have. A member that has it refuses no append behind it. */
  get lastSent(): number {
    const flow = this.#flow;
    if (flow.type !== 'probe') return this.#next - 1;
    return flow.sentTo === undefined || flow.sentTo === UNREACHABLE ? this.#match : flow.sentTo;
  }

  maySend(window: Window): boolean {
    const flow = this.#flow;
    switch (flow.type) {
      case 'probe':
        return flow.sentTo === undefined;
      case 'replicate':
        return !flow.paused && flow.inflight.count < window.appends && flow.inflight.bytes < window.bytes;
      case 'snapshot':
        return false;
    }
  }

  /** An append with entries up to `lastIndex`, of `bytes`, leaves. */
  sent(lastIndex: number, bytes: number): void {
    switch (this.#flow.type) {
      case 'probe':
        this.#flow.sentTo = lastIndex;
        this.#flow.rounds = 0;
        this.#flow.askAtRound = 1;
        break;
      case 'replicate':
        this.#flow.inflight.add(lastIndex, bytes);
        this.#next = lastIndex + 1;
        break;
      case 'snapshot':
        break;
    }
  }

  /** The append behind `prevIndex` did not leave after all: it, and what follows, waits for a heartbeat's answer. */
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

  /** The log matches up to `index`, durably. False: that was known. */
  acknowledged(index: number, snapshotIndex: number): boolean {
    const flow = this.#flow;
    const news = index > this.#match;
    if (news) {
      this.#match = index;
      this.#next = Math.max(this.#next, index + 1);
      this.#questions.acknowledged(index);
    }
    switch (flow.type) {
      case 'probe':
        if (news || (flow.sentTo !== undefined && index === this.#match)) this.#replicate();
        break;
      case 'replicate':
        flow.inflight.freeTo(index);
        if (index >= flow.askedTo) flow.askInRounds = 0;
        break;
      case 'snapshot':
        // It got there by another way: what it needs next is in the log (s62).
        if (this.#match >= snapshotIndex) this.#replicate();
        break;
    }
    return news;
  }

  /**
   * The append after `rejectedIndex` did not fit; `guess` is the highest index that may match. False: the refusal is
   * of an older append, and says nothing (s31).
   */
  refused(rejectedIndex: number, guess: number): boolean {
    const wasAsked = this.#questions.refused(rejectedIndex);
    switch (this.#flow.type) {
      case 'probe':
        // Either the probe itself, or the question whether it has arrived.
        if (rejectedIndex !== this.#next - 1 && !wasAsked) return false;
        if (rejectedIndex <= this.#match) return false;
        this.#probe(Math.min(rejectedIndex, guess + 1));
        return true;
      case 'replicate':
        // One of the appends before it was lost, or the member lost what it had not acknowledged.
        if (rejectedIndex <= this.#match || rejectedIndex >= this.#next) return false;
        this.#probe(Math.min(rejectedIndex, guess + 1));
        return true;
      case 'snapshot':
        return false;
    }
  }

  /** A heartbeat round of the clock (not one for a read) leaves, after everything that was sent so far. */
  heartbeatRound(): void {
    this.#unansweredRounds++;
    const flow = this.#flow;
    if (flow.type === 'probe') flow.rounds++;
    if (flow.type === 'replicate') {
      flow.sentBeforePrevious = flow.sentBeforeLatest;
      flow.sentBeforeLatest = this.#next - 1;
      if (flow.askInRounds > 0) flow.askInRounds--;
    }
  }

  /** A heartbeat was answered: the log is known to match up to `matched`, durably or not. */
  heartbeatAnswered(matched: number): Finding {
    this.#received = matched;
    this.#unansweredRounds = 0;
    const finding = this.#find(matched);
    if (finding === 'ask') this.#questions.put(this.lastSent);
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
        if (flow.sentBeforePrevious <= this.#match || flow.askInRounds > 0) return 'nothing';
        flow.askInRounds = ASK_AGAIN_ROUNDS;
        flow.askedTo = this.#next - 1;
        return 'ask';
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
    if (flow.rounds < Math.max(sync, flow.askAtRound)) return 'nothing';
    flow.askAtRound = flow.rounds + ASK_AGAIN_ROUNDS;
    return 'ask';
  }

  /** The link to it broke, and with it all that was under way: stop pipelining, and wait for a heartbeat's answer. */
  unreachable(): void {
    const flow = this.#flow;
    this.#received = 0;
    this.#questions.lost();
    if (flow.type === 'snapshot') flow.transfer.linkBroke();
    if (flow.type === 'snapshot' || (flow.type === 'probe' && flow.sentTo === undefined)) return;
    this.#probe(flow.type === 'probe' ? this.#next : this.#match + 1);
    this.sent(UNREACHABLE, 0);
  }

  /** Nothing is heard of it, which says nothing of what is under way: send nothing more until it answers a heartbeat. */
  silent(): void {
    if (this.#flow.type === 'replicate') this.#flow.paused = true;
  }

  /** The log no longer has what it needs. */
  startSnapshot(): SnapshotTransfer {
    const transfer = new SnapshotTransfer();
    this.#flow = { type: 'snapshot', transfer };
    return transfer;
  }

  /** It holds everything up to `index`, durably: entries can follow from there. */
  snapshotInstalled(index: number): void {
    this.#match = Math.max(this.#match, index);
    this.#replicate();
  }

  /** Its disk went back in time: nothing that was known of its log holds any more. */
  beginAnew(next: number, quarantine: PeerQuarantine): void {
    this.quarantine = quarantine;
    this.readContext = 0;
    this.commitSent = 0;
    this.#match = 0;
    this.#received = 0;
    this.#probe(next);
  }

  #probe(next: number): void {
    this.#next = Math.max(this.#match + 1, next);
    this.#questions.begin();
    this.#flow = { type: 'probe', sentTo: undefined, rounds: 0, askAtRound: 1 };
  }

  #replicate(): void {
    this.#next = this.#match + 1;
    this.#flow = {
      type: 'replicate',
      inflight: new Inflight(),
      sentBeforeLatest: this.#match,
      sentBeforePrevious: this.#match,
      askInRounds: 0,
      askedTo: 0,
      paused: false,
    };
  }
}
