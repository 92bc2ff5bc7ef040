/**
 * What the fast path may serve, by method and target: requests for keys, pages of keys, batches and transactions, in the
 * main keyspace and below namespaces. All others are left to node:http, also those of data that only some method is wrong for.
 */
import type { BufferedMethod, DataRequest, Limits } from '../http/index.js';
import { bodyLimitOf } from './many.js';
import { wantsStream } from './range-query.js';
import { KV_PREFIX, NAMESPACE_PREFIX, placeOf } from './place.js';

const KEY_METHODS: readonly BufferedMethod[] = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'];

/** How the request lines of such requests begin. */
export const SIMPLE_STARTS: readonly string[] = [
  ...[KV_PREFIX, NAMESPACE_PREFIX].flatMap((prefix) => KEY_METHODS.map((method) => `${method} ${prefix}`)),
  'GET /v1/kv?',
  ...['/v1/txn', '/v1/batch', NAMESPACE_PREFIX].map((prefix) => `POST ${prefix}`),
];

/** Longest body that such a request may have; undefined: it is none of these. */
export function simpleBodyLimit(method: BufferedMethod, target: string, limits: Limits): number | undefined {
  // Most are on keys of the main keyspace.
  if (method !== 'POST' && target.startsWith(KV_PREFIX)) return limits.valueBytes;
  const type = placeOf(target)?.type;
  const isSimple =
    method === 'POST' ? type === 'txn' || type === 'batch' : type === 'key' || (type === 'range' && method === 'GET');
  return isSimple ? bodyLimitOf(target, limits) : undefined;
}

/** Whether the answer is written at once: that of any such request but a stream of keys. */
export const hasSimpleAnswer = (target: string, headers: DataRequest['headers']): boolean =>
  target.startsWith(KV_PREFIX) ||
  headers.accept === undefined ||
  placeOf(target)?.type !== 'range' ||
  !wantsStream(headers);
