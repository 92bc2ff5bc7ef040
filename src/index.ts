/**
 * The public API of the package.
 *
 * `DistributedKeyValueStore` is a whole cluster in one process: nodes, each with its own disk (memory, or SQLite below
 * `dataDir`), an in-memory network between them that can be cut, and a router. A `put` resolves when a majority of the
 * key's replicas has it; a `get` is linearizable; every other end of an operation is a `KvorumError`, whose `outcome` says
 * that a write did not happen (`not_applied`) or may have (`unknown`). What cannot be serialized is a TypeError, a number
 * out of its bounds a RangeError.
 *
 * `checkHistory` decides whether a history of operations, of Kvorum or of any other store, is linearizable.
 *
 * Not here: everything between processes. That is the program `kvorum` (`cli.ts`, `main.ts`) and its HTTP API (`router/`).
 * The folders below `src` are not public and may change.
 */
export { DistributedKeyValueStore } from './embedded/index.js';
export type {
  AtomicOperation,
  BatchGet,
  BatchOperation,
  BatchResult,
  BatchResults,
  BatchValue,
  CallOptions,
  Check,
  ClusterStatus,
  CommitResult,
  CommonPrefix,
  Conditions,
  CountOptions,
  DeleteOptions,
  DeleteRangeOptions,
  DeleteRangeResult,
  DeleteResult,
  DetailedDeleteOptions,
  DropOptions,
  DropResult,
  EmbeddedNodeStatus,
  Entry,
  GetOptions,
  GroupedListOptions,
  IncrementOptions,
  IncrementResult,
  JsonPatch,
  KeyRange,
  ListOptions,
  KeyLocation,
  NamespaceInfo,
  NamespaceKeyspace,
  NamespaceOptions,
  NamespaceResult,
  NamespacesOptions,
  OnceOptions,
  PutOptions,
  ReadOptions,
  StepOptions,
  StoreOptions,
  TransactRequest,
  TransactResult,
  Transaction,
  TransactionOptions,
  Ttl,
  WriteOptions,
  WriteResult,
} from './embedded/index.js';
export { KvorumError, type ErrorCode, type ErrorDetails, type Outcome } from './shard/index.js';
export { checkHistory, formatOperation } from './check/index.js';
export type {
  CheckOptions,
  CheckResult,
  HistoryFailure,
  HistoryCounts,
  Operation,
  Placed,
  Verdict,
  Window,
} from './check/index.js';
