/**
 * Operations that wait in one group: writes until their entry is applied, reads until leadership is confirmed and then
 * until an index is applied. Each waiter is answered exactly once.
 */
import type { Answer, KvRead } from '../operation.js';

/** A client's operation that waits for its answer. */
export interface Waiter {
  /** On the runtime's monotonic clock, ms. */
  readonly deadline: number;
  /** What is to be read; undefined for a write. */
  readonly read: KvRead | undefined;
  done(answer: Answer): void;
}

interface WriteAt {
  readonly index: number;
  readonly waiter: Waiter;
}

/**
 * Writes by the index of their entry: they are added in the order of the log, and applied in the same order.
 *
 * Neither writes nor reads use a Map. V8 allocates a new table for a Map every few entries that pass through it, and
 * the outgrown table refers to the new one. Once one of them has reached the old generation, every scavenge treats it
 * as alive, and so all later tables with their contents, until the next full collection: with a few entries of 1 KB at
 * a time, scavenges took 2 s where they take 0.1 s with an array.
 */
export class PendingWrites {
  #writes: WriteAt[] = [];

  get size(): number {
    return this.#writes.length;
  }

  /** @param index higher than all indexes before */
  add(index: number, waiter: Waiter): void {
    this.#writes.push({ index, waiter });
  }

  /** Takes the waiter of the entry at `index`, which was applied; undefined for a follower's entry. */
  take(index: number): Waiter | undefined {
    const first = this.#writes[0];
    if (first === undefined) return undefined;
    const at = first.index === index ? 0 : this.#writes.findIndex((write) => write.index >= index);
    if (this.#writes[at]?.index !== index) return undefined;
    const applied = at === 0 ? this.#writes.shift() : this.#writes.splice(at, 1)[0];
    return applied?.waiter;
  }

  /** Called when leadership was lost, or the node leaves: another leader may still commit these entries. */
  takeAll(): Waiter[] {
    const waiters = this.#writes.map(({ waiter }) => waiter);
    this.#writes = [];
    return waiters;
  }

  takeExpired(now: number): Waiter[] {
    if (!this.#writes.some(({ waiter }) => waiter.deadline <= now)) return [];
    const expired = this.#writes.filter(({ waiter }) => waiter.deadline <= now);
    this.#writes = this.#writes.filter(({ waiter }) => waiter.deadline > now);
    return expired.map(({ waiter }) => waiter);
  }
}

interface ReadRound {
  readonly context: number;
  readonly waiters: Waiter[];
}

interface ReadAt {
  readonly index: number;
  readonly waiters: readonly Waiter[];
}

const NO_WAITERS: readonly Waiter[] = [];
const NO_ROUND: ReadRound = { context: 0, waiters: [] };

/**
 * Reads pass through three states: gathered (no round started yet), in a round (by context), confirmed (waiting for an
 * index). A read never joins a round that was started before it arrived: that confirmation would not cover it (s49).
 */
export class PendingReads {
  #gathered: Waiter[] = [];
  #rounds: ReadRound[] = [];
  #confirmed: ReadAt[] = [];

  get size(): number {
    let size = this.#gathered.length;
    for (const { waiters } of this.#rounds) size += waiters.length;
    for (const { waiters } of this.#confirmed) size += waiters.length;
    return size;
  }

  gather(waiter: Waiter): void {
    this.#gathered.push(waiter);
  }

  /** A round is due: reads wait, and no round is in progress. Reads that arrive during a round gather for the next. */
  get wantsRound(): boolean {
    return this.#gathered.length > 0 && this.#rounds.length === 0;
  }

  roundStarted(context: number): void {
    this.#rounds.push({ context, waiters: this.#gathered });
    this.#gathered = [];
  }

  confirmed(context: number, index: number): void {
    const at = this.#rounds.findIndex((round) => round.context === context);
    if (at === -1) return;
    const [{ waiters } = NO_ROUND] = this.#rounds.splice(at, 1);
    this.#confirmed.push({ index, waiters });
  }

  /** Adds a read that needs no round (lease), only the index. */
  awaitIndex(index: number, waiter: Waiter): void {
    this.#confirmed.push({ index, waiters: [waiter] });
  }

  /** Takes the waiters that may be answered once `applied` is applied. */
  takeReady(applied: number): readonly Waiter[] {
    const first = this.#confirmed[0];
    if (first === undefined) return NO_WAITERS;
    if (this.#confirmed.length === 1 && first.index <= applied) {
      this.#confirmed = [];
      return first.waiters;
    }
    const ready: Waiter[] = [];
    this.#confirmed = this.#confirmed.filter(({ index, waiters }) => {
      if (index > applied) return true;
      for (const waiter of waiters) ready.push(waiter);
      return false;
    });
    return ready;
  }

  takeContext(context: number): readonly Waiter[] {
    const waiters = this.#rounds.find((round) => round.context === context)?.waiters ?? [];
    this.#rounds = this.#rounds.filter((round) => round.context !== context);
    return waiters;
  }

  takeAll(): Waiter[] {
    const all = [
      ...this.#gathered,
      ...this.#rounds.flatMap((r) => [...r.waiters]),
      ...this.#confirmed.flatMap((r) => [...r.waiters]),
    ];
    this.#gathered = [];
    this.#rounds = [];
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
    this.#rounds = this.#rounds.map(({ context, waiters }) => ({ context, waiters: waiters.filter(keep) }));
    this.#confirmed = this.#confirmed.map(({ index, waiters }) => ({ index, waiters: waiters.filter(keep) }));
    return expired;
  }
}
