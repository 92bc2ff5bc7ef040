/** The routes of `/v1/kv`: one operation, from request to answer. */
export { namedKey, type NamedKey } from './key.js';
export type { KvRoutesOptions, OperationName, RequestObserver } from './exchange.js';
export { type LineSink, RangeStream, type StreamSource } from './range-stream.js';
export { RangeRoutes, type RangeRoutesOptions } from './range-routes.js';
export { type QueryName, TAKEN } from './parameters.js';
export { bodyLimitOf } from './many.js';
export { ALLOWED_METHODS, KvRoutes } from './routes.js';
export { hasSimpleAnswer, SIMPLE_STARTS, simpleBodyLimit } from './simple-targets.js';
export { LINES_PER_SECOND, SLOW_MS } from './slow-requests.js';
export * as schemas from './all-schemas.js';
