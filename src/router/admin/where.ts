/** `/v1/where/{key}`, also below a namespace: where a key is kept. Says it even while its shard has no leader. */
import { KvorumError, type Topology } from '../../shard/index.js';
import { parseQuery, splitTarget } from '../http/index.js';
import { namedKey, TAKEN } from '../kv/index.js';
import type { Dispatcher } from '../dispatch/index.js';
import type { StatusPoller } from './status-poller.js';
import { whereView } from './views.js';

/** A key is opaque, so express must not decode its path: these stand for `/v1/where/{key}` and `/v1/ns/{ns}/where/{key}`. */
export const WHERE_PATHS = [/^\/v1\/where\//, /^\/v1\/ns\/[^/]*\/where\//] as const;
const NAMED = /^\/v1\/(?:ns\/([^/]*)\/)?where\/(.*)$/s;
/** How long it waits for the shard to say whether the namespace exists. */
const NAMESPACE_TIMEOUT_MS = 500;

export interface WhereParts {
  readonly dispatcher: Dispatcher;
  readonly statuses: StatusPoller;
  readonly topology: Topology;
}

/** @param target raw, as it came @throws KvorumError */
export async function where(target: string, { dispatcher, statuses, topology }: WhereParts): Promise<object> {
  const { path, query } = splitTarget(target);
  const [, namespace, key = ''] = NAMED.exec(path) ?? [];
  const named = namedKey(key, parseQuery(query, TAKEN.key), namespace);
  const shard = dispatcher.shardOf(named.key, topology);
  if (namespace !== undefined) await checkNamespace(dispatcher, named.key);
  const leader = await statuses.leaderOf(topology, shard);
  return { ...(namespace === undefined ? {} : { namespace }), ...whereView(topology, named, { shard, leader }) };
}

/** A shard that does not answer says nothing against the namespace, and then this route is needed most. */
async function checkNamespace(dispatcher: Dispatcher, key: Uint8Array): Promise<void> {
  const get = { type: 'get', key, consistency: 'linearizable' } as const;
  const { answer } = await dispatcher.execute(get, { deadlineMs: NAMESPACE_TIMEOUT_MS, forward: true });
  if (answer.type === 'refused' && answer.code === 'namespace-not-found') {
    throw new KvorumError('namespace-not-found', answer.message, {}, 'not_applied');
  }
}
