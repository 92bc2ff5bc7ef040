/**
 * The router room: HTTP in front, and one operation at a time brought to the leader of its shard.
 *
 * `server` takes requests in, `kv-routes` reads the data ones and `app` (express) all others. `dispatch` chooses a
 * node, asks again where that is safe, and says honestly how it ended; it reaches nodes through the `backend` port,
 * from inside a node process (`node-backend`) or from a process of its own (`remote-backend`).
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
export { createApp, kvMiddleware, type AppOptions, type Build, type MetricsSource } from './app.js';
export type * from './backend.js';
export { maxOpenFiles, shareDescriptors, type DescriptorShares } from './descriptors.js';
export * from './call.js';
export * from './dispatch.js';
export { readinessOf, type HealthCheck } from './health.js';
export { InsecureBind, isLoopback } from './hosts.js';
export { KvRoutes, type KvRoutesOptions, type RequestObserver } from './kv-routes.js';
export * from './limits.js';
export { measureLoopDelay, type LoopDelay } from './loop-delay.js';
export { Metrics, type MetricsOptions } from './metrics.js';
export * from './node-backend.js';
export { newOperationId } from './operation-ids.js';
export * from './remote-backend.js';
export { RequestIds } from './respond.js';
export * from './server.js';
