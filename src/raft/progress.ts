/**
 * What a leader knows of one other member's log, and how fast it may send to it. All changes to that are made here.
 *
 *     probe      where the logs match is a guess (`next` − 1): one append, then wait for what comes back
 *     replicate  known: appends follow one another without waiting, up to a bounded number under way
 *     snapshot   the member needs entries that the leader's log no longer has
 *
 * - `match` never falls; `match` < `next`.
 * - What was lost is noticed by heartbeats: the member tells how far its log is known to match, and whatever left
 *   before an earlier heartbeat should be there.
 *
 * Knows no log, message or quorum.
 */
import { SnapshotTransfer } from './snapshot-transfer.js';
import type { NodeId } from './types.js';

/** Last indexes of the appends under way, oldest first. */
class Inflight {
  #ends: number[] = [];
  #head = 0;

  get count(): number {
    return this.#ends.length - this.#head;
  }

  add(lastIndex: number): void {
    this.#ends.push(lastIndex);
  }

  freeTo(index: number): void {
    while (this.#head < this.#ends.length && (this.#ends[this.#head] ?? Infinity) <= index) this.#head++;
    if (this.#head === this.#ends.length) {
      this.#ends.length = 0;
      this.#head = 0;
    } else if (this.#head >= 64) {
      this.#ends.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

interface Probe {
  readonly type: 'probe';
  /** Last index of the append under way; undefined: none is, one may be sent. */
  sentTo: number | undefined;
  /** Heartbeat rounds that started since it was sent. */
  rounds: number;
}

interface Replicate {
  readonly type: 'replicate';
  readonly inflight: Inflight;
  /** Last index sent before the latest heartbeat round, and before the one before that. */
  sentBeforeLatest: number;
  sentBeforePrevious: number;
}

interface Snapshot {
  readonly type: 'snapshot';
  readonly transfer: SnapshotTransfer;
}

/** What a heartbeat's answer showed: nothing is amiss, appends must be sent (again), or only the acknowledgement is missing. */
export type Finding = 'nothing' | 'send' | 'ask';

export class Progress {
  readonly id: NodeId;
  /** Heard from since the last check of the quorum. */
  recentlyActive = false;
  /** Newest read context that it confirmed. */
  readContext = 0;
  /** Highest commit index that it was told. */
  commitSent = 0;
  #match = 0;
  #next: number;
  #flow: Probe | Replicate | Snapshot = { type: 'probe', sentTo: undefined, rounds: 0 };

  constructor(id: NodeId, next: number) {
    this.id = id;
    this.#next = next;
  }

  get match(): number {
    return this.#match;
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

  maySend(maxInflight: number): boolean {
    switch (this.#flow.type) {
      case 'probe':
        return this.#flow.sentTo === undefined;
      case 'replicate':
        return this.#flow.inflight.count < maxInflight;
      case 'snapshot':
        return false;
    }
  }

  /** An append with entries up to `lastIndex` leaves. */
  sent(lastIndex: number): void {
    switch (this.#flow.type) {
      case 'probe':
        this.#flow.sentTo = lastIndex;
        this.#flow.rounds = 0;
        break;
      case 'replicate':
        this.#flow.inflight.add(lastIndex);
        this.#next = lastIndex + 1;
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
    }
    switch (flow.type) {
      case 'probe':
        if (news || (flow.sentTo !== undefined && index === this.#match)) this.#replicate();
        break;
      case 'replicate':
        flow.inflight.freeTo(index);
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
    switch (this.#flow.type) {
      case 'probe':
        if (rejectedIndex !== this.#next - 1 || rejectedIndex <= this.#match) return false;
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
    const flow = this.#flow;
    if (flow.type === 'probe') flow.rounds++;
    if (flow.type === 'replicate') {
      flow.sentBeforePrevious = flow.sentBeforeLatest;
      flow.sentBeforeLatest = this.#next - 1;
    }
  }

  /** A heartbeat was answered: the log is known to match up to `matched`, durably or not. */
  heartbeatAnswered(matched: number): Finding {
    const flow = this.#flow;
    switch (flow.type) {
      case 'probe':
        if (flow.sentTo === undefined) return 'send';
        // Received, but not acknowledged: the disk has its time before the append is sent once more.
        if (flow.rounds < (matched >= flow.sentTo ? 3 : 1)) return 'nothing';
        flow.sentTo = undefined;
        return 'send';
      case 'replicate':
        if (flow.sentBeforePrevious <= this.#match) return 'nothing';
        if (matched >= flow.sentBeforePrevious) return 'ask';
        this.#probe(matched + 1);
        return 'send';
      case 'snapshot':
        return 'nothing';
    }
  }

  /** Nothing arrives there: stop pipelining, and wait for a heartbeat's answer. */
  unreachable(): void {
    if (this.#flow.type === 'replicate') {
      this.#probe(this.#match + 1);
      this.sent(Infinity);
    }
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

  #probe(next: number): void {
    this.#next = Math.max(this.#match + 1, next);
    this.#flow = { type: 'probe', sentTo: undefined, rounds: 0 };
  }

  #replicate(): void {
    this.#next = this.#match + 1;
    this.#flow = {
      type: 'replicate',
      inflight: new Inflight(),
      sentBeforeLatest: this.#match,
      sentBeforePrevious: this.#match,
    };
  }
}
