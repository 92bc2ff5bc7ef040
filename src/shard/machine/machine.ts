/**
 * The state machine port, to which a group applies its committed entries.
 *
 * Implementations are deterministic: the same entries give the same rows, answers and hash on every replica. They use
 * no clock and keep their rows in a `StateStore`.
 */
import type { List, ListPage } from '../list.js';
import type { Answer, KeyRecord, KvRead } from '../operation.js';
import type { OpenTransaction } from '../transaction.js';
import type { LockSet } from './locks.js';

export interface Machine {
  /** Rebuilds in-memory state from the rows; called at start and after a snapshot replaced the rows. */
  load(): void;
  /**
   * Applies the entry at `index`; client input never makes it throw.
   * @returns undefined: nothing was changed, because a transaction holds a key; to be proposed again when `releases` rises
   */
  apply(index: number, data: Uint8Array): Answer | undefined;
  get(key: Uint8Array): KeyRecord | undefined;
  /** The outcome of a program that only reads; `revision`: the applied index. */
  read(body: Uint8Array, revision: number): Uint8Array;
  /** A page of its keys, in order. */
  list(list: List): ListPage;
  /** Whether the namespace that the key is in exists; undefined: the machine has none. */
  hasNamespace?(key: Uint8Array): boolean;
  /** Writes in-memory state into rows; called before a checkpoint. */
  flush(): void;
  /** 16 hex digits; equal on all replicas at the same applied index. */
  stateHash(): string;
  readonly keyCount: number;
  /** Replicated time: the latest time in any entry, ms since 1970; undefined: its entries have none. */
  readonly replicatedTimeMs?: number;
  /** No key is due before this time, ms of replicated time; infinite or undefined: none has a deadline. */
  readonly earliestExpiryMs?: number;
  /** Whether it has begun to keep its deletions, as it does from the first program on; undefined: it never does. */
  readonly keepsDeletions?: boolean;
  /** Keys that are due at `nowMs`, the earliest first, at most `limit`. */
  dueKeys?(nowMs: number, limit: number): Uint8Array[];
  /** Rises whenever a transaction lets go of keys. */
  readonly releases?: number;
  /** Transactions that write something which the read would see; undefined: none. */
  writersFor?(read: KvRead): readonly string[] | undefined;
  /** Whether transactions hold keys in a way that excludes what needs these. */
  excludes?(needs: LockSet): boolean;
  /** Whether the transaction still holds keys. */
  holds?(writer: string): boolean;
  /** Transactions over several shards that were not forgotten. */
  openTransactions?(): readonly OpenTransaction[];
  /** Number of entries in its dedup table; undefined: it has none. */
  readonly dedupEntries?: number;
}
