/**
 * The router room: the HTTP API, and the dispatch of each operation to the leader of its shard.
 *
 * `server` accepts connections, `kv` serves data requests and `admin` (express) all others; what they share is `http`.
 * `dispatch` chooses a node, retries where that is safe, and returns the true outcome; it reaches nodes through a port,
 * from inside a node process (`dispatch/node-backend.ts`) or from a router process (`dispatch/remote-backend.ts`).
 *
 * Invariants, asserted by tests:
 *  - every request is answered once, every answer carries a request id, every refusal says whether the write happened;
 *  - a write is repeated only under its operation id; a request is forwarded once at most;
 *  - requests go only to replicas in the topology, whatever a node or a client claims;
 *  - a key is decoded once, before anything else uses it, and is opaque from there on;
 *  - nothing that a client sends makes memory or time grow beyond `http/limits.ts`.
 *
 * Left out here: groups, logs, membership (shard, raft); tokens and TLS.
 */
export {
  type AppOptions,
  type Build,
  createApp,
  type DescriptorShares,
  type HealthCheck,
  kvMiddleware,
  type LoopDelay,
  maxOpenFiles,
  measureLoopDelay,
  Metrics,
  type MetricsOptions,
  type MetricsSource,
  readinessOf,
  shareDescriptors,
} from './admin/index.js';
export {
  AnswerBudget,
  askWithin,
  askWithinBytes,
  type AskShard,
  type Backend,
  type BatchGroup,
  Dispatcher,
  type DispatchReply,
  type FittedResult,
  countKeys,
  deleteRange,
  dropNamespace,
  identityUnder,
  type Identity,
  isEmptyRange,
  missingNamespace,
  type ListFailure,
  mostAnswered,
  newOperationId,
  type Page,
  readPage,
  NodeBackend,
  RemoteBackend,
  runBatch,
  runTransaction,
  type TransactionReply,
  type TransactionRequest,
  withPlace,
} from './dispatch/index.js';
export { DEFAULT_LIMITS, RequestIds } from './http/index.js';
export { KvRoutes, type KvRoutesOptions, type LineSink, RangeStream, type RequestObserver } from './kv/index.js';
export { HttpServer, type HttpServerOptions, InsecureBind } from './server/index.js';
