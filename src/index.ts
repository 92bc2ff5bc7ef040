/**
 * The package's door: what a program that embeds Kvorum needs, and nothing else.
 *
 * `DistributedKeyValueStore` is a whole cluster in one process: as many nodes as are asked for, each with its own disk
 * (memory, or SQLite below `dataDir`), an in-memory network between them that can be cut, and a router in front. A
 * `put` resolves when a majority of the key's replicas has it; a `get` is linearizable; whatever cannot be answered
 * truly ends in a `KvorumError`, whose `outcome` says whether a write happened (`not_applied`) or may have (`unknown`).
 * What cannot be serialized is a TypeError, a number out of its bounds a RangeError.
 *
 * `checkHistory` judges whether a history of operations, of Kvorum or of anything else, is linearizable.
 *
 * Left out: everything between processes. That is the program `kvorum` (`cli.ts`, `main.ts`), which wires the same rooms
 * to sockets and files, and the HTTP API (`router/`). The rooms themselves are no public interface and may change.
 */
export { DistributedKeyValueStore } from './embedded/index.js';
export type { ClusterStatus, EmbeddedNodeStatus, KeyLocation, StoreOptions } from './embedded/index.js';
export { KvorumError, type ErrorCode, type ErrorDetails, type Outcome } from './shard/index.js';
export { checkHistory, formatOperation } from './check/index.js';
export type { CheckOptions, CheckResult, Failure, Operation, Verdict } from './check/index.js';
