/**
 * Keys that prepared transactions hold: shared where they read or compare, exclusive where they write. In memory; rebuilt
 * from the transactions' rows.
 */
import type { RowRange, StateKey } from '../../raft/index.js';

/** Id of a transaction, as a binary string. */
export type Holder = string;

export interface LockSet {
  readonly shared: ReadonlySet<StateKey>;
  readonly exclusive: ReadonlySet<StateKey>;
  /** Every key in it is to be written; only of what takes effect at once, never held. */
  readonly range?: Pick<RowRange, 'from' | 'to'>;
}

interface Held {
  exclusive: Holder | undefined;
  /** Undefined before the first: most keys are only written. */
  shared: Set<Holder> | undefined;
}

const isWithin = (key: StateKey, { from, to }: Pick<RowRange, 'from' | 'to'>): boolean =>
  key >= from && (to === undefined || key < to);

export class Locks {
  readonly #held = new Map<StateKey, Held>();

  /** Number of keys that are held. */
  get size(): number {
    return this.#held.size;
  }

  /** By any transaction. */
  isHeld(key: StateKey): boolean {
    return this.#held.has(key);
  }

  /** The transaction that writes the key; undefined: none. */
  writerOf(key: StateKey): Holder | undefined {
    return this.#held.get(key)?.exclusive;
  }

  /** Whether keys that are to be read and written like this are held in a way that excludes it. */
  conflicts({ shared, exclusive, range }: LockSet): boolean {
    if (this.#held.size === 0) return false;
    if (range !== undefined) for (const key of this.#held.keys()) if (isWithin(key, range)) return true;
    for (const key of exclusive) if (this.isHeld(key)) return true;
    for (const key of shared) if (this.writerOf(key) !== undefined) return true;
    return false;
  }

  acquire(holder: Holder, { shared, exclusive }: LockSet): void {
    for (const key of exclusive) this.#of(key).exclusive = holder;
    for (const key of shared) if (!exclusive.has(key)) (this.#of(key).shared ??= new Set()).add(holder);
  }

  release(holder: Holder, { shared, exclusive }: LockSet): void {
    for (const key of exclusive) {
      this.#of(key).exclusive = undefined;
      this.#dropIfFree(key);
    }
    for (const key of shared) {
      this.#of(key).shared?.delete(holder);
      this.#dropIfFree(key);
    }
  }

  clear(): void {
    this.#held.clear();
  }

  /** The transactions that write some of the keys. */
  writersOf(keys: readonly StateKey[]): Holder[] {
    return keys.map((key) => this.writerOf(key)).filter((writer) => writer !== undefined);
  }

  /** The transactions that write some key from `from` on, before `to`. */
  writersBetween(from: StateKey, to: StateKey | undefined): Holder[] {
    const writers: Holder[] = [];
    for (const [key, { exclusive }] of this.#held) {
      if (exclusive !== undefined && key >= from && (to === undefined || key < to)) writers.push(exclusive);
    }
    return writers;
  }

  #of(key: StateKey): Held {
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, (held = { exclusive: undefined, shared: undefined }));
    return held;
  }

  #dropIfFree(key: StateKey): void {
    const held = this.#held.get(key);
    if (held?.exclusive === undefined && (held?.shared?.size ?? 0) === 0) this.#held.delete(key);
  }
}
