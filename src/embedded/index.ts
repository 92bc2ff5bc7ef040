/**
 * The embedded store: a cluster of nodes in one process, behind operations on keys.
 *
 * `store` is the public class, and `keyspace` its operations: values copied in and out, keys by canonical encoding, errors
 * that say whether a write happened. `steps` and `results` translate between their arguments and programs of the shards;
 * `batch`, `transact`, `atomic` and `transaction` have several keys;
 * `namespace` has keyspaces beside the main one. `cluster` has the nodes, their disks (memory, or SQLite below `dataDir`), the in-memory network between
 * them, and one router. `embedded-node` starts, fails and recovers one node. All else is the code that also runs in
 * separate processes.
 *
 * Invariant: an operation ends in an answer that a majority of the key's replicas confirmed, or in an error.
 */
export type { AtomicOperation, Check, CommitResult } from './atomic.js';
export type { ClusterStatus, EmbeddedNodeStatus, KeyLocation } from './cluster.js';
export type {
  BatchGet,
  BatchOperation,
  BatchResult,
  BatchResults,
  BatchValue,
  CallOptions,
  CommonPrefix,
  Conditions,
  CountOptions,
  DeleteOptions,
  DeleteRangeOptions,
  DeleteRangeResult,
  DeleteResult,
  DetailedDeleteOptions,
  Entry,
  GetOptions,
  GroupedListOptions,
  IncrementOptions,
  IncrementResult,
  JsonPatch,
  KeyRange,
  ListOptions,
  OnceOptions,
  PutOptions,
  ReadOptions,
  StepOptions,
  Ttl,
  WriteOptions,
  WriteResult,
} from './entries.js';
export type {
  DropOptions,
  DropResult,
  NamespaceInfo,
  NamespaceKeyspace,
  NamespaceOptions,
  NamespaceResult,
  NamespacesOptions,
} from './namespace.js';
export type { StoreOptions } from './options.js';
export { DistributedKeyValueStore } from './store.js';
export type { TransactRequest, TransactResult } from './transact.js';
export type { Transaction, TransactionOptions } from './transaction.js';
