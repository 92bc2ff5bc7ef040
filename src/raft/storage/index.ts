/**
 * Storage: a node's durable data, for all its groups at once, behind one port (`storage.ts`).
 *
 * There is a journal (hard states and entries, one row and one sync per commit of all groups) and, per group, a state
 * of opaque rows. The journal is the state's write-ahead log: a checkpoint moves applied rows into the state together
 * with the applied index, each group in one transaction, and the journal is truncated only up to a durable checkpoint.
 * `journaled.ts` keeps both in two files through a worker, and `sqlite.ts` provides SQLite in a separate thread
 * (`sqlite-thread.ts` → `request-queue.ts` → `engine-host.ts` → `store-engine.ts` → the port `files.ts`:
 * `journal-db.ts`, `state-db.ts`). The simulator runs it on files in memory and in virtual time; `memory.ts` implements
 * the port without a disk. All three pass the same contract suite. Folders: `disk/` the data folder and its errors,
 * `journal/` rows, slots and recovery, `state/` state.db and snapshots, `engine/` the work of the storage thread,
 * `worker/` threads and the queue.
 *
 * Invariants, tested by crashing at every step, by kill −9, and by damaging files:
 *  - acknowledged writes are read back, or the store refuses to open and names the damaged row and file;
 *  - a torn last row, after which nothing durable can follow, is dropped;
 *  - commits become durable in the order of the calls, each whole or not at all;
 *  - installing a snapshot leaves the old state or the new one, never a gap, never entries that do not follow it;
 *  - a write that finds no space has no effect, waits, and is retried until there is space (`stall.ts`);
 *  - after a write that failed for another reason nothing is acknowledged or retried any more.
 *
 * Left out: the meaning of the bytes, when a checkpoint is due, repair from peers. It is separate from `../index.ts`,
 * because only this module loads `better-sqlite3`, which is not needed to run consensus in memory.
 */
export * from './storage.js';
export * from './row-range.js';
export { MemoryDisk, MemoryStorage } from './memory.js';
export type { MemoryStorageOptions } from './memory.js';
export { SqliteStorage } from './sqlite.js';
export type { SqliteStorageOptions } from './sqlite.js';
export { SqliteThread } from './worker/sqlite-thread.js';
export type { SqliteWorker } from './worker/sqlite-thread.js';
export { isNoSpace, makeFolder, removeFolders, folderProblem, writeAtomically } from './disk/folders.js';
export { stopAtExit } from './worker/process-exit.js';
export { checkSnapshotChunk } from './state/state-rows.js';
// For the simulator's disk: the port of the files, and the parts that the real files are made of.
export { JournaledStorage } from './journaled.js';
export type { JournaledStorageHost, JournaledStorageSettings } from './journaled-host.js';
export { EngineHost } from './engine/engine-host.js';
export type * from './files.js';
export type { HardStateAt } from './journal/journal-index.js';
export type { ChannelListener, StoreChannel } from './worker/sqlite-thread.js';
export type { RequestEnvelope, ReplyEnvelope } from './engine/protocol.js';
export type { Activation, RawRow, StoredGroup } from './journal/recovery.js';
export type { RawStateRow } from './state/state-rows.js';
export type { JournalRecord } from './journal/row.js';
export { journalLimits, minJournalBytes } from './journal/quota.js';
export type { JournalLimits } from './journal/quota.js';
export { ZERO_HARD_STATE } from './journal/journal-index.js';
export { crc32c } from './journal/crc32c.js';
export { decodeRow } from './journal/row.js';
export { SortedTable } from './state/sorted-table.js';
