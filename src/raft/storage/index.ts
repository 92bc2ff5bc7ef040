/**
 * The door of storage: the port, and what implements it. Apart from `../index.ts`, because this room alone loads
 * `better-sqlite3`, and who runs consensus in memory should not have to.
 */
export * from './storage.js';
export { MemoryDisk, MemoryStorage } from './memory.js';
export type { MemoryStorageOptions } from './memory.js';
export { SqliteStorage } from './sqlite.js';
export type { SqliteStorageOptions } from './sqlite.js';
export { SqliteThread } from './sqlite-thread.js';
export type { SqliteWorker } from './sqlite-thread.js';
export { checkSnapshotChunk } from './state-rows.js';
