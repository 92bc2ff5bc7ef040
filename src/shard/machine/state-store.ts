/**
 * What a state machine keeps its rows in: a map of binary strings to bytes, of one group.
 *
 * Knows nothing of what the rows mean, nor when they reach the disk (`memtable.ts` implements it over storage).
 */
import type { StateKey } from '../../raft/index.js';

export interface StateStore {
  get(key: StateKey): Uint8Array | undefined;
  set(key: StateKey, value: Uint8Array): void;
  delete(key: StateKey): void;
  /** Rows whose key starts with `prefix`, in key order. Used when a machine starts from a checkpoint or snapshot. */
  scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]>;
}
