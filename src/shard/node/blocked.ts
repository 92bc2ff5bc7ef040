/**
 * Operations that wait for keys which a transaction over several shards holds (`transaction.ts`).
 *
 * - A write was applied and has changed nothing, for applying cannot wait. It is proposed again once it gets its keys; so
 *   are prepares, in the order in which they came.
 * - A linearizable read waits for the transactions that were writing its keys when it was about to be served, and not for
 *   later ones: those began after the read did.
 * - A program that reads several keys is looked at again then. Another transaction, which is still writing one of them, may
 *   come before one of those that it waited for, because they met in another shard: it is not to see the one without the
 *   other. So it is served when nobody writes any of its keys.
 *
 * Stale reads do not wait.
 */
import { lockNeedsOf, Locks, type LockNeeds, type Machine } from '../machine/index.js';
import type { Waiter } from './pending.js';

type Writers = Pick<Machine, 'writersFor' | 'holds' | 'releases'>;
type Exclusion = Pick<Machine, 'excludes'>;

/** Longer than the time between two sweeps with the default timers, and the way of the answer. */
const MARGIN_MS = 300;
/** Whose claim it is does not matter. */
const CLAIM = 'claim';

interface BlockedWrite {
  readonly data: Uint8Array;
  readonly waiter: Waiter;
  readonly needs: LockNeeds;
}

interface BlockedRead {
  readonly waiter: Waiter;
  writers: readonly string[];
}

export class BlockedOperations {
  #writes: BlockedWrite[] = [];
  #reads: BlockedRead[] = [];
  #releases = 0;

  get size(): number {
    return this.#writes.length + this.#reads.length;
  }

  get writes(): number {
    return this.#writes.length;
  }

  get reads(): number {
    return this.#reads.length;
  }

  /** `data`: of its entry, which changed nothing. */
  addWrite(data: Uint8Array, waiter: Waiter): void {
    this.#writes.push({ data, waiter, needs: lockNeedsOf(data) });
  }

  /** @returns the reads that need not wait */
  admit(reads: readonly Waiter[], machine: Writers): readonly Waiter[] {
    if (machine.writersFor === undefined || reads.length === 0) return reads;
    let free: Waiter[] | undefined;
    for (const [i, waiter] of reads.entries()) {
      const writers = waiter.read && machine.writersFor(waiter.read);
      if (writers !== undefined) {
        this.#reads.push({ waiter, writers });
        free ??= reads.slice(0, i);
      } else free?.push(waiter);
    }
    return free ?? reads;
  }

  /** Whether keys were let go since the last call. */
  isReleased({ releases = 0 }: Writers): boolean {
    if (releases === this.#releases) return false;
    this.#releases = releases;
    return true;
  }

  /** Takes the writes whose keys are free, and not needed by a prepare that came before. */
  takeWrites(machine: Exclusion): readonly BlockedWrite[] {
    if (this.#writes.length === 0) return this.#writes;
    const claims = new Locks();
    const free: BlockedWrite[] = [];
    this.#writes = this.#writes.filter((write) => {
      const { needs } = write;
      const mustWait = machine.excludes?.(needs) === true || claims.conflicts(needs);
      if (needs.isLasting) claims.acquire(CLAIM, needs);
      if (!mustWait) free.push(write);
      return mustWait;
    });
    return free;
  }

  /** Takes the reads that wait for no transaction any more. */
  takeReads(machine: Writers): readonly Waiter[] {
    const ready: Waiter[] = [];
    this.#reads = this.#reads.filter((blocked) => {
      const { waiter, writers } = blocked;
      if (writers.some((writer) => machine.holds?.(writer) === true)) return true;
      const others = waiter.read?.type === 'read' ? machine.writersFor?.(waiter.read) : undefined;
      if (others !== undefined) {
        blocked.writers = others;
        return true;
      }
      ready.push(waiter);
      return false;
    });
    return ready;
  }

  /** Takes operations shortly before their deadline, so that the sender still hears why it was not met. */
  takeExpired(now: number): readonly Waiter[] {
    if (this.size === 0) return [];
    const isExpired = ({ waiter }: { readonly waiter: Waiter }): boolean => waiter.deadline <= now + MARGIN_MS;
    const expired = [...this.#writes.filter(isExpired), ...this.#reads.filter(isExpired)];
    this.#writes = this.#writes.filter((write) => !isExpired(write));
    this.#reads = this.#reads.filter((read) => !isExpired(read));
    return expired.map(({ waiter }) => waiter);
  }

  takeAll(): readonly Waiter[] {
    const all = [...this.#writes, ...this.#reads].map(({ waiter }) => waiter);
    this.#writes = [];
    this.#reads = [];
    return all;
  }
}
