/**
 * Storage: what a node keeps on its disk, for all its groups at once, behind one port (`storage.ts`).
 *
 * There is a journal (hard states and entries, one row and one sync per commit of all groups) and, per group, a state
 * of opaque rows. The journal is the state's write-ahead log: a checkpoint moves applied rows into the state together
 * with the applied index, in one transaction, and only behind a durable checkpoint does the journal forget.
 * `sqlite.ts` keeps both in SQLite through a worker thread (`sqlite-thread.ts` → `engine-host.ts` → `store-engine.ts`
 * → `journal-db.ts`, `state-db.ts`); `memory.ts` is its twin without a disk. Both pass the same contract suite.
 *
 * Invariants, tested by crashing at every step, by kill −9, and by damaging files:
 *  - what was acknowledged is read back, or the store refuses to open and says which row of which file is damaged;
 *  - a torn last row, behind which nothing durable can lie, is dropped;
 *  - commits become durable in the order of the calls, each whole or not at all;
 *  - installing a snapshot leaves the old state or the new one, never a gap, never entries that do not follow it;
 *  - after a failed write nothing is acknowledged any more, and nothing is tried again.
 *
 * Left out: what the bytes mean, when a checkpoint is due, repair from peers. A room apart from `../index.ts`, because
 * this one alone loads `better-sqlite3`, and who runs consensus in memory should not have to.
 */
export * from './storage.js';
export { MemoryDisk, MemoryStorage } from './memory.js';
export type { MemoryStorageOptions } from './memory.js';
export { SqliteStorage } from './sqlite.js';
export type { SqliteStorageOptions } from './sqlite.js';
export { SqliteThread } from './sqlite-thread.js';
export type { SqliteWorker } from './sqlite-thread.js';
export { checkSnapshotChunk } from './state-rows.js';
