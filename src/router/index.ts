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
export { HttpServer, type HttpServerOptions, InsecureBind, isLoopback } from './server/index.js';
