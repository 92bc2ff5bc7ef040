/** Options that are part of the replicated behaviour: the same on every replica, for the lifetime of a cluster. */
export interface KvMachineOptions {
  /** Entries of the dedup table of ids that routers make; default 16,384. */
  readonly maxDedupEntries?: number;
  /** Entries of each of the two dedup tables of ids that clients choose; default 65,536. */
  readonly maxKeyedEntries?: number;
  /** Milliseconds of replicated time for which an entry is kept; default 15 minutes. */
  readonly windowMs?: number;
}

export const DEFAULT_MAX_DEDUP_ENTRIES = 16_384;
export const DEFAULT_MAX_KEYED_ENTRIES = 65_536;
export const DEFAULT_WINDOW_MS = 15 * 60_000;
