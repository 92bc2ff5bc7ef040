/**
 * Who waits for what in one group: writes for their entry to be applied, reads for a confirmation and then for an index.
 *
 * Knows no Raft and no machine; the group tells it what happened. Each waiter is answered exactly once.
 */
import type { Answer } from './operation.js';

/** One operation that somebody waits for. */
export interface Waiter {
  /** On the runtime's monotonic clock, ms. */
  readonly deadline: number;
  readonly key: Uint8Array;
  done(answer: Answer): void;
}

export class WaitingWrites {
  readonly #byIndex = new Map<number, Waiter>();

  get size(): number {
    return this.#byIndex.size;
  }

  add(index: number, waiter: Waiter): void {
    this.#byIndex.set(index, waiter);
  }

  applied(index: number, answer: Answer): void {
    const waiter = this.#byIndex.get(index);
    if (waiter === undefined) return;
    this.#byIndex.delete(index);
    waiter.done(answer);
  }

  /** The waiters of entries that are no longer ours to promise. */
  takeAll(): Waiter[] {
    const waiters = [...this.#byIndex.values()];
    this.#byIndex.clear();
    return waiters;
  }

  takeExpired(now: number): Waiter[] {
    const expired: Waiter[] = [];
    for (const [index, waiter] of this.#byIndex) {
      if (waiter.deadline > now) continue;
      this.#byIndex.delete(index);
      expired.push(waiter);
    }
    return expired;
  }
}

interface ReadAt {
  readonly index: number;
  readonly waiters: readonly Waiter[];
}

/**
 * Reads go through three places: gathered (no round asked yet), asked (by context), confirmed (waiting for an index).
 * A read never joins a round that was asked before it arrived: an old confirmation says nothing about it (s49).
 */
export class WaitingReads {
  #gathered: Waiter[] = [];
  readonly #asked = new Map<number, Waiter[]>();
  #confirmed: ReadAt[] = [];

  get size(): number {
    let size = this.#gathered.length;
    for (const waiters of this.#asked.values()) size += waiters.length;
    for (const { waiters } of this.#confirmed) size += waiters.length;
    return size;
  }

  gather(waiter: Waiter): void {
    this.#gathered.push(waiter);
  }

  /** A round is due: somebody waits, and none is under way (the next round gathers meanwhile). */
  get wantsRound(): boolean {
    return this.#gathered.length > 0 && this.#asked.size === 0;
  }

  asked(context: number): void {
    this.#asked.set(context, this.#gathered);
    this.#gathered = [];
  }

  confirmed(context: number, index: number): void {
    const waiters = this.#asked.get(context);
    if (waiters === undefined) return;
    this.#asked.delete(context);
    this.#confirmed.push({ index, waiters });
  }

  /** A read that needs no round (lease), only the index. */
  awaitIndex(index: number, waiter: Waiter): void {
    this.#confirmed.push({ index, waiters: [waiter] });
  }

  /** The waiters that may be answered once `applied` is applied. */
  takeReady(applied: number): Waiter[] {
    if (this.#confirmed.length === 0) return [];
    const ready: Waiter[] = [];
    this.#confirmed = this.#confirmed.filter(({ index, waiters }) => {
      if (index > applied) return true;
      for (const waiter of waiters) ready.push(waiter);
      return false;
    });
    return ready;
  }

  takeContext(context: number): Waiter[] {
    const waiters = this.#asked.get(context) ?? [];
    this.#asked.delete(context);
    return waiters;
  }

  takeAll(): Waiter[] {
    const all = [
      ...this.#gathered,
      ...[...this.#asked.values()].flat(),
      ...this.#confirmed.flatMap((r) => [...r.waiters]),
    ];
    this.#gathered = [];
    this.#asked.clear();
    this.#confirmed = [];
    return all;
  }

  takeExpired(now: number): Waiter[] {
    const expired: Waiter[] = [];
    const keep = (waiter: Waiter): boolean => {
      if (waiter.deadline > now) return true;
      expired.push(waiter);
      return false;
    };
    this.#gathered = this.#gathered.filter(keep);
    for (const [context, waiters] of this.#asked) this.#asked.set(context, waiters.filter(keep));
    this.#confirmed = this.#confirmed.map(({ index, waiters }) => ({ index, waiters: waiters.filter(keep) }));
    return expired;
  }
}
