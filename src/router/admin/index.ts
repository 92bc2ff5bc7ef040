/** The routes besides data: index, health, views of the cluster, metrics. */
export { type AppOptions, type Build, createApp, kvMiddleware, type MetricsSource } from './app.js';
export { type DescriptorShares, maxOpenFiles, shareDescriptors } from './descriptors.js';
export { type HealthCheck, readinessOf } from './health.js';
export { type LoopDelay, measureLoopDelay } from './loop-delay.js';
export { Metrics, type MetricsOptions } from './metrics.js';
