/** The routes of `/v1/kv`: one operation, from request to answer. */
export { namedKey, type NamedKey } from './key.js';
export {
  ALLOWED_METHODS,
  KV_PREFIX,
  KvRoutes,
  type KvRoutesOptions,
  type OperationName,
  type RequestObserver,
} from './routes.js';
export { LINES_PER_SECOND, SLOW_MS } from './slow-requests.js';
