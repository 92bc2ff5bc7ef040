/** The door of `src/shard` (what the router needs of it; the essay comes with the node). */
export type { NodeId, RaftStatus } from '../raft/index.js';
export * from './errors.js';
export * from './hash.js';
export * from './keyspace.js';
export type * from './operation.js';
export * from './refusals.js';
export * from './runtime.js';
export type * from './status.js';
export * from './system-runtime.js';
export * from './topology.js';
export * from './transport.js';
