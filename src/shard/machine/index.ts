/** The state machine of a shard: commands in, rows out, with the dedup table that makes retries safe. Deterministic. */
export {
  commandAgain,
  commandTimeMs,
  encodeCommand,
  encodeExpireCommand,
  encodeProgramCommand,
  transactionsIn,
  type EntryView,
  viewEntry,
} from './command.js';
export { lockNeedsOf, type LockNeeds } from './lock-needs.js';
export { Locks } from './locks.js';
export { readKeyPage, rowRangeOf } from './key-page.js';
export { DEFAULT_MAX_DEDUP_ENTRIES, DEFAULT_MAX_KEYED_ENTRIES, DEFAULT_WINDOW_MS } from './kv-options.js';
export { KvMachine } from './kv-machine.js';
export type { Machine } from './machine.js';
export { Memtable } from './memtable.js';
export type { RowView } from './row-view.js';
export { RowCache } from './row-cache.js';
export type { StateStore } from './state-store.js';
export * from './patch/index.js';
