/**
 * The storage port of a state machine: a map from binary strings to bytes, of one group. `memtable.ts` implements it.
 */
import type { PageBounds, RowPage, RowRange, StateKey } from '../../raft/index.js';

export interface StateStore {
  get(key: StateKey): Uint8Array | undefined;
  /** What `get` returns for each of the keys, in less time than so many calls take; rows that are not used again soon. */
  getAll(keys: readonly StateKey[]): readonly (Uint8Array | undefined)[];
  set(key: StateKey, value: Uint8Array): void;
  delete(key: StateKey): void;
  /** Rows whose key starts with `prefix`, in key order. Used when a machine starts from a checkpoint or snapshot. */
  scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]>;
  /**
   * A page of the rows of a range. It takes bounded time: behind many deleted rows it may have few rows, or none, and
   * something left of the range.
   */
  range(range: RowRange, bounds: PageBounds): RowPage;
}
