/**
 * One of the layers of a memtable: rows by key, where a deleted row has no value, and their order.
 *
 * The order is built only for what is read in order (`key-order.ts`). Rows of the expiry index are kept apart, because
 * leaders read the beginning of that index all the time: it costs them no look at the other rows.
 */
import { lowerBound } from '../../raft/index.js';
import type { RowRange, StateKey, StateRow } from '../../raft/index.js';
import { EXPIRY_END, EXPIRY_SPACE, isExpiryKey, isInExpiryIndex } from './expiry-head.js';
import { KeyOrder } from './key-order.js';
import type { HeldRow } from './row-cache.js';
import { boundsIn } from './row-cursors.js';
import type { Run } from './row-cursors.js';

type Rows = Map<StateKey, HeldRow | undefined>;

export class RowLayer {
  /** Not that of another layer of its memtable; 1 or more. */
  readonly number: number;
  readonly #rows: Rows = new Map();
  readonly #order = new KeyOrder(this.#rows);
  readonly #expiry: Rows = new Map();
  readonly #expiryOrder = new KeyOrder(this.#expiry);

  constructor(number: number) {
    this.number = number;
  }

  /** Undefined: deleted, or not in this layer, see `has`. */
  get(key: StateKey): HeldRow | undefined {
    return (isExpiryKey(key) ? this.#expiry : this.#rows).get(key);
  }

  has(key: StateKey): boolean {
    return (isExpiryKey(key) ? this.#expiry : this.#rows).has(key);
  }

  /** `row` undefined: it is deleted. */
  set(key: StateKey, row: HeldRow | undefined): void {
    (isExpiryKey(key) ? this.#expiry : this.#rows).set(key, row);
  }

  /** Runs that together have every row of the range, each in one of them; they may have others. */
  runs(range: RowRange): Run[] {
    const { from, to } = range;
    const runs: Run[] = [];
    const add = (order: KeyOrder, rows: Rows): void => {
      for (const keys of order.runs()) runs.push({ keys, value: (at) => rows.get(keys[at] ?? '')?.value });
    };
    if (!isInExpiryIndex(range)) add(this.#order, this.#rows);
    if (this.#expiry.size > 0 && from < EXPIRY_END && (to === undefined || to > EXPIRY_SPACE)) {
      add(this.#expiryOrder, this.#expiry);
    }
    return runs;
  }

  /** The rows of the range as of now: later changes of the layer do not change them. */
  copyOf(range: RowRange): Run[] {
    const copies: Run[] = [];
    for (const run of this.runs(range)) {
      const [low, high] = boundsIn(run.keys, range);
      const values: (Uint8Array | undefined)[] = [];
      for (let at = low; at < high; at++) values.push(run.value(at));
      if (low < high) copies.push({ keys: run.keys.slice(low, high), value: (at) => values[at] });
    }
    return copies;
  }

  /**
   * All rows, deletions included, in the order of the durable state, so that rows of one page are written one after the
   * other: with a million keys, where most rows of a checkpoint change a separate page, puts were 11 to 32 % faster.
   */
  *inKeyOrder(): Generator<StateRow, void, undefined> {
    const keys = this.#order.all();
    const expiryAt = lowerBound(keys, EXPIRY_SPACE);
    for (let at = 0; at < expiryAt; at++) yield rowOf(this.#rows, keys[at] ?? '');
    for (const key of this.#expiryOrder.all()) yield rowOf(this.#expiry, key);
    for (let at = expiryAt; at < keys.length; at++) yield rowOf(this.#rows, keys[at] ?? '');
  }
}

const rowOf = (rows: Rows, key: StateKey): StateRow => [key, rows.get(key)?.value];
