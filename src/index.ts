/**
 * The package's door: what a program that embeds Kvorum needs.
 *
 * `DistributedKeyValueStore` is a whole cluster in one process. What runs between processes is the program `kvorum`.
 */
export { DistributedKeyValueStore } from './embedded/index.js';
export type { ClusterStatus, EmbeddedNodeStatus, KeyLocation, StoreOptions } from './embedded/index.js';
export { KvorumError, type ErrorCode, type ErrorDetails, type Outcome } from './shard/index.js';
