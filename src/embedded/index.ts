/**
 * The embedded store: a cluster of nodes in one process, behind put, get and delete.
 *
 * `store` is what a program sees: values copied in and out, keys by canonical encoding, errors that say whether a write
 * happened. `cluster` keeps the nodes, their disks (memory, or SQLite below `dataDir`), the in-memory network between
 * them, and one router. Nothing here knows Raft: it is the code that runs between processes, wired differently.
 *
 * Invariant: an operation ends in an answer that a majority of the key's replicas stands for, or in an error.
 */
export type { ClusterStatus, EmbeddedNodeStatus, KeyLocation } from './cluster.js';
export type { StoreOptions } from './options.js';
export { DistributedKeyValueStore } from './store.js';
