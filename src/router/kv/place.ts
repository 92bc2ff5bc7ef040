/** Where a target leads: the routes of data exist at `/v1/…`, and below each namespace at `/v1/ns/{ns}/…`. */

export type PlaceType = 'key' | 'range' | 'batch' | 'txn' | 'namespace' | 'namespaces';

export interface Place {
  readonly type: PlaceType;
  /** Where the key begins in the path. */
  readonly keyAt: number;
  /** As the path has it, not checked; undefined: the main keyspace. */
  readonly namespace: string | undefined;
  /** In logs, which must not show the client's key. */
  readonly route: string;
}

export const KV_PREFIX = '/v1/kv/';
const NAMESPACES = '/v1/ns';
export const NAMESPACE_PREFIX = `${NAMESPACES}/`;
const KEYS: Place = { type: 'key', keyAt: KV_PREFIX.length, namespace: undefined, route: '/v1/kv/{key}' };
const MAIN = new Map<string, Place>(
  Object.entries({
    '/v1/kv': 'range',
    '/v1/batch': 'batch',
    '/v1/txn': 'txn',
    [NAMESPACES]: 'namespaces',
  } as const).map(([path, type]) => [path, { type, keyAt: 0, namespace: undefined, route: path }]),
);
const BELOW = new Map<string, PlaceType>([
  ['', 'namespace'],
  ['/kv', 'range'],
  ['/batch', 'batch'],
  ['/txn', 'txn'],
]);

/** @param target raw, as it came; undefined: not one of data */
export function placeOf(target: string): Place | undefined {
  if (target.startsWith(KV_PREFIX)) return KEYS;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const main = MAIN.get(path);
  if (main !== undefined || !path.startsWith(NAMESPACE_PREFIX)) return main;
  const nameAt = NAMESPACE_PREFIX.length;
  const slash = path.indexOf('/', nameAt);
  const end = slash < 0 ? path.length : slash;
  const namespace = path.slice(nameAt, end);
  const rest = path.slice(end);
  const route = `${NAMESPACES}/{ns}`;
  if (rest.startsWith('/kv/')) return { type: 'key', keyAt: end + 4, namespace, route: `${route}/kv/{key}` };
  const type = BELOW.get(rest);
  return type && { type, keyAt: 0, namespace, route: route + rest };
}
