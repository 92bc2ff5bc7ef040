/** What `/openapi.json` says of each route: its parameters, bodies and answers. */
import type { HeaderName } from '../../http/index.js';
import { TAKEN, type QueryName } from '../../kv/index.js';

/** Names of the schemas in the document (`document.ts`). */
export type SchemaName =
  | 'Batch'
  | 'BatchAnswer'
  | 'Deleted'
  | 'Increment'
  | 'Namespace'
  | 'Problem'
  | 'Record'
  | 'Touch'
  | 'Transaction'
  | 'TransactionAnswer'
  | 'Written';

/** A media type with what it holds: a schema, any JSON, or anything. */
export type Content = Readonly<Record<string, SchemaName | 'json' | 'any'>>;

export interface OperationDescription {
  readonly summary: string;
  readonly query?: readonly QueryName[];
  readonly headers?: readonly HeaderName[];
  readonly body?: Content;
  /** By status. */
  readonly answers: Readonly<Record<number, { readonly what: string; readonly content?: Content }>>;
}

export type Method = 'get' | 'head' | 'put' | 'post' | 'patch' | 'delete';
export type PathDescription = Readonly<Partial<Record<Method, OperationDescription>>>;

const ANY = '*/*';
const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';
const ENVELOPE = 'application/vnd.kvorum+json';

const COMMON = ['Kv-Timeout', 'Kv-Forward'] as const;
const WRITING = ['If-Match', 'If-None-Match', 'Prefer', 'Accept', 'Idempotency-Key', ...COMMON] as const;
const WRITTEN = { [JSON_TYPE]: 'Written', [ANY]: 'any', [ENVELOPE]: 'Record' } as const;
const writes = (created: string, updated: string): OperationDescription['answers'] => ({
  200: { what: updated, content: WRITTEN },
  201: { what: created, content: WRITTEN },
  204: { what: 'Prefer: return=minimal, or there is no record to return' },
});

const read: OperationDescription = {
  summary: 'read a key',
  query: TAKEN.get,
  headers: ['If-None-Match', 'Accept', ...COMMON],
  answers: {
    200: {
      what: 'the value, under the type with which it was stored',
      content: { [ANY]: 'any', [ENVELOPE]: 'Record' },
    },
    304: { what: 'If-None-Match has its revision' },
  },
};

const list: OperationDescription = {
  summary: 'keys in order, a page at a time',
  query: TAKEN.list,
  headers: COMMON,
  answers: { 200: { what: 'a page', content: { [JSON_TYPE]: 'json' } } },
};

const shown = (summary: string, query: readonly QueryName[] = []): PathDescription => {
  const get = { summary, query, answers: { 200: { what: summary, content: { [JSON_TYPE]: 'json' } } } } as const;
  return { get, head: get };
};
const plain = (summary: string, query: readonly QueryName[] = []): PathDescription => {
  const get = { summary, query, answers: { 200: { what: summary, content: { 'text/plain': 'any' } } } } as const;
  return { get, head: get };
};

const KEYS: Readonly<Record<string, PathDescription>> = {
  '/v1/kv/{key}': {
    get: read,
    head: read,
    put: {
      summary: 'write a key; the body and its Content-Type are the value',
      query: TAKEN.put,
      headers: WRITING,
      body: { [ANY]: 'any', [JSON_TYPE]: 'json' },
      answers: writes('created', 'updated'),
    },
    patch: {
      summary: 'change a value in place, as one entry in the log',
      query: TAKEN.key,
      headers: WRITING,
      body: {
        'application/merge-patch+json': 'json',
        'application/json-patch+json': 'json',
        'application/vnd.kvorum.increment+json': 'Increment',
        'application/vnd.kvorum.append': 'any',
        'application/vnd.kvorum.touch+json': 'Touch',
      },
      answers: writes('created', 'changed'),
    },
    delete: {
      summary: 'delete a key',
      query: TAKEN.key,
      headers: WRITING,
      answers: {
        200: { what: 'whether it was there', content: { [JSON_TYPE]: 'Deleted', [ANY]: 'any', [ENVELOPE]: 'Record' } },
        204: { what: 'Prefer: return=minimal, or there was no record to return' },
      },
    },
  },
  '/v1/kv': {
    get: list,
    head: list,
    delete: {
      summary: 'delete the keys of a range, which must have a bound',
      query: TAKEN.deleteRange,
      headers: ['Idempotency-Key', ...COMMON],
      answers: { 200: { what: 'how many', content: { [JSON_TYPE]: 'json' } } },
    },
  },
  '/v1/batch': {
    post: {
      summary: 'up to 1,000 independent operations, each with a result of its own',
      headers: ['Idempotency-Key', 'Accept', ...COMMON],
      body: { [JSON_TYPE]: 'Batch', [NDJSON]: 'any' },
      answers: {
        200: { what: 'results in the order asked', content: { [JSON_TYPE]: 'BatchAnswer', [NDJSON]: 'any' } },
      },
    },
  },
  '/v1/txn': {
    post: {
      summary: 'a transaction: comparisons and operations, all or nothing',
      headers: ['Idempotency-Key', ...COMMON],
      body: { [JSON_TYPE]: 'Transaction' },
      answers: { 200: { what: 'it ran: then, or else', content: { [JSON_TYPE]: 'TransactionAnswer' } } },
    },
  },
};

const limits = { what: 'a namespace', content: { [JSON_TYPE]: 'json' } } as const;
const NAMESPACES: Readonly<Record<string, PathDescription>> = {
  '/v1/ns': shown('the namespaces, a page at a time', TAKEN.namespaces),
  '/v1/ns/{ns}': {
    ...shown('shard, keys, bytes, revision and limits of a namespace', TAKEN.showNamespace),
    put: {
      summary: 'create a namespace, or change its limits',
      headers: ['Prefer', 'Idempotency-Key', ...COMMON],
      body: { [JSON_TYPE]: 'Namespace' },
      answers: {
        200: { ...limits, what: 'changed' },
        201: { ...limits, what: 'created' },
        204: { what: 'Prefer: return=minimal' },
      },
    },
    delete: {
      summary: 'remove a namespace; with force its keys, too',
      query: TAKEN.dropNamespace,
      headers: ['Idempotency-Key', ...COMMON],
      answers: { 200: { what: 'it is gone', content: { [JSON_TYPE]: 'Deleted' } } },
    },
  },
};

const WHERE = shown('shard, replicas and leader of a key', TAKEN.key);

const below = (ns: string): Readonly<Record<string, PathDescription>> =>
  Object.fromEntries(Object.entries(KEYS).map(([path, description]) => [path.replace('/v1', ns), description]));

export const PATHS: Readonly<Record<string, PathDescription>> = {
  ...KEYS,
  ...NAMESPACES,
  ...below('/v1/ns/{ns}'),
  '/v1/where/{key}': WHERE,
  '/v1/ns/{ns}/where/{key}': WHERE,
  '/v1/cluster': shown('the cluster: id, nodes, limits, settings in force'),
  '/v1/nodes': shown('every node'),
  '/v1/shards': shown('every shard'),
  '/v1/shards/{id}': shown('one shard'),
  '/livez': plain('the process is up'),
  '/readyz': plain('it can serve', TAKEN.ready),
  '/metrics': plain('metrics, as Prometheus reads them'),
  '/version': shown('the build'),
  '/openapi.json': shown('this document'),
};
