/**
 * The router room: HTTP in front, and one operation at a time brought to the leader of its shard.
 *
 * `server` takes requests in, `kv` reads the data ones and `admin` (express) all others; what they share is `http`.
 * `dispatch` chooses a node, asks again where that is safe, and says honestly how it ended; it reaches nodes through a
 * port, from inside a node process (`dispatch/node-backend.ts`) or from one of its own (`dispatch/remote-backend.ts`).
 *
 * Invariants, asserted by tests:
 *  - every request is answered once, every answer carries a request id, every refusal says whether it was applied;
 *  - a write is repeated only under its operation id; a request is forwarded once at most;
 *  - only replicas that the topology names are asked, whatever a node or a client claims;
 *  - a key is decoded once, before anything looks at it, and is opaque from there on;
 *  - nothing that a client sends makes memory or time grow beyond `limits`.
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
  type Backend,
  Dispatcher,
  type DispatchReply,
  newOperationId,
  NodeBackend,
  RemoteBackend,
} from './dispatch/index.js';
export { DEFAULT_LIMITS, RequestIds } from './http/index.js';
export { KvRoutes, type KvRoutesOptions, type RequestObserver } from './kv/index.js';
export { HttpServer, type HttpServerOptions, InsecureBind } from './server/index.js';
