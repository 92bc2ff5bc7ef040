/** The door of `src/raft` (essay to come with the core). */
export * from './types.js';
export type * from './messages.js';
export type * from './ready.js';
export * from './codec.js';
export * from './raft.js';
export type { LogView } from './log.js';
export * from './describe.js';
export * from './invariants.js';
export * from './lease.js';
export * from './quorum.js';
export * from './storage/storage.js';
