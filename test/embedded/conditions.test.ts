/** What every write of one key takes: conditions on the key, and what is to be returned of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DistributedKeyValueStore,
  type BatchOperation,
  type NamespaceKeyspace,
  type WriteOptions,
  type WriteResult,
} from '../../src/index.js';

let kvs: DistributedKeyValueStore;
let namespace: NamespaceKeyspace;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  namespace = kvs.namespace('conditions');
  await namespace.create();
});
afterAll(() => kvs.close());

let keys = 0;
const fresh = (): string => `key${(keys += 1)}`;

interface Write {
  /** What the key held before, and holds then; of `before`, a number is not put but counted. */
  readonly before: unknown;
  readonly after: unknown;
  readonly call: (
    keyspace: DistributedKeyValueStore | NamespaceKeyspace,
    key: string,
    options: WriteOptions,
  ) => Promise<WriteResult>;
  readonly operation: (key: string, options: WriteOptions) => BatchOperation;
}
const WRITES: readonly (readonly [name: string, write: Write])[] = [
  [
    'put',
    {
      ...{ before: 'a', after: 'b' },
      call: (keyspace, key, options) => keyspace.put(key, 'b', options),
      operation: (key, options) => ({ op: 'put', key, value: 'b', ...options }),
    },
  ],
  [
    'put with a deadline',
    {
      ...{ before: 'a', after: 'b' },
      call: (keyspace, key, options) => keyspace.put(key, 'b', { ttl: '1h', ...options }),
      operation: (key, options) => ({ op: 'put', key, value: 'b', ttl: '1h', ...options }),
    },
  ],
  [
    'increment',
    {
      ...{ before: 1, after: 6 },
      call: (keyspace, key, options) => keyspace.increment(key, 5, options),
      operation: (key, options) => ({ op: 'increment', key, by: 5, ...options }),
    },
  ],
  [
    'append',
    {
      ...{ before: 'a', after: 'ab' },
      call: (keyspace, key, options) => keyspace.append(key, 'b', options),
      operation: (key, options) => ({ op: 'append', key, value: 'b', ...options }),
    },
  ],
  [
    'patch',
    {
      ...{ before: { a: 1 }, after: { a: 1, b: 2 } },
      call: (keyspace, key, options) => keyspace.patch(key, { b: 2 }, options),
      operation: (key, options) => ({ op: 'patch', key, patch: { b: 2 }, ...options }),
    },
  ],
  [
    'touch',
    {
      ...{ before: 'a', after: 'a' },
      call: (keyspace, key, options) => keyspace.touch(key, '1h', options),
      operation: (key, options) => ({ op: 'touch', key, ttl: '1h', ...options }),
    },
  ],
];

/** Each way to make a write: on its own, in a namespace, and among others. */
type Run = (write: Write, key: string, options: WriteOptions) => Promise<WriteResult>;
const WAYS: readonly (readonly [name: string, run: Run])[] = [
  ['alone', ({ call }, key, options) => call(kvs, key, options)],
  ['in a namespace', ({ call }, key, options) => call(namespace, key, options)],
  [
    'in a batch',
    async ({ operation }, key, options) => {
      const [result] = await kvs.batch([operation(key, options)]);
      if (result.status === 'rejected') throw result.reason;
      return result.value as WriteResult;
    },
  ],
  [
    'in a transaction',
    async ({ operation }, key, options) => {
      const { results } = await kvs.transact({ then: [operation(key, options)] });
      if (results[0]?.status !== 'fulfilled') throw new Error('it failed');
      return results[0].value as WriteResult;
    },
  ],
];
const keyspaceOf = (way: string) => (way === 'in a namespace' ? namespace : kvs);
const CASES = WAYS.flatMap(([way, run]) => WRITES.map(([name, write]) => [name, way, write, run] as const));
const REFUSED = { code: 'precondition-failed', outcome: 'not_applied' };

describe.each(CASES)('%s %s', (_, way, write, runBy) => {
  const run = (key: string, options: WriteOptions) => runBy(write, key, options);

  it('with ifExists changes keys alone that are there', async () => {
    const key = fresh();
    await expect(run(key, { ifExists: true })).rejects.toMatchObject({ ...REFUSED, details: { currentRevision: 0 } });
    expect(await keyspaceOf(way).get(key)).toBeUndefined();
    await keyspaceOf(way).put(key, write.before);
    expect(await run(key, { ifExists: true })).toMatchObject({ version: 2, created: false });
    expect(await keyspaceOf(way).get(key)).toEqual(write.after);
  });

  it('with ifRevision or ifAbsent changes nothing else', async () => {
    const key = fresh();
    const { revision } = await keyspaceOf(way).put(key, write.before);
    for (const options of [{ ifRevision: revision + 1_000 }, { ifAbsent: true }]) {
      await expect(run(key, options)).rejects.toMatchObject({ ...REFUSED, details: { currentRevision: revision } });
    }
    expect(await keyspaceOf(way).getEntry(key)).toMatchObject({ value: write.before, revision });
    expect(await run(key, { ifRevision: revision })).toMatchObject({ version: 2 });
  });

  it('returns what the key held before, or what it holds now', async () => {
    const key = fresh();
    const { revision } = await keyspaceOf(way).put(key, write.before);
    const first = await run(key, { returning: 'previous' });
    expect(first.previous).toEqual({ key, value: write.before, revision, createRevision: revision, version: 1 });
    expect(first).not.toHaveProperty('entry');
    await keyspaceOf(way).put(key, write.before);
    const second = await run(key, { returning: 'representation' });
    expect(second.entry).toEqual(await keyspaceOf(way).getEntry(key));
    expect(second.entry?.value).toEqual(write.after);
    expect(second).not.toHaveProperty('previous');
  });
});

it('of an absent key there is nothing before', async () => {
  const written = await kvs.put(fresh(), 1, { returning: 'previous' });
  expect(written).toEqual({ revision: written.revision, version: 1, created: true });
  expect(await kvs.delete(fresh(), { returning: 'previous' })).toEqual({
    ...{ deleted: false, revision: expect.any(Number) as number },
  });
});

it('a write says when its key goes', async () => {
  const key = fresh();
  const { expiresAt } = await kvs.put(key, 1, { ttl: '1h' });
  expect(expiresAt).toEqual((await kvs.getEntry(key))?.expiresAt);
  expect(await kvs.touch(key, null)).not.toHaveProperty('expiresAt');
});

it.each(['the store', 'a namespace'])('a deletion in %s takes every condition', async (where) => {
  const keyspace = where === 'the store' ? kvs : namespace;
  const key = fresh();
  await expect(keyspace.delete(key, { ifExists: true })).rejects.toMatchObject({ details: { currentRevision: 0 } });
  await keyspace.put(['k', 1], { a: 1 });
  await expect(keyspace.delete(['k', 1], { ifAbsent: true })).rejects.toMatchObject(REFUSED);
  const deleted = await keyspace.delete(['k', 1], { ifExists: true, returning: 'previous' });
  expect(deleted).toMatchObject({ deleted: true, previous: { key: ['k', 1], value: { a: 1 }, version: 1 } });
  expect(deleted.revision).toBeGreaterThan(deleted.previous?.revision ?? 0);
  await keyspace.put(key, 1);
  const [result] = await keyspace.batch([{ op: 'delete', key, ifExists: true, returning: 'previous' }]);
  expect(result).toMatchObject({ status: 'fulfilled', value: { deleted: true, previous: { key, value: 1 } } });
});

it('values that have no room in the answer of a batch are left out, and the writes are done', async () => {
  const value = new Uint8Array(5 * 1024 * 1024);
  const names = [fresh(), fresh()];
  for (const key of names) await kvs.put(key, value);
  const results = await kvs.batch(
    names.map((key) => ({ op: 'touch', key, ttl: '1h', returning: 'previous' }) as const),
  );
  const values = results.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
  expect(values.filter((each) => each?.previous !== undefined)).toHaveLength(1);
  expect(values.filter((each) => each?.recordOmitted === true)).toHaveLength(1);
  expect(values.map((each) => each?.version)).toEqual([2, 2]);
});

it.each<[object, RegExp]>([
  [{ ifExists: 1 }, /^TypeError: ifExists must be/],
  [{ ifExists: true, ifAbsent: true }, /^TypeError: ifRevision, ifAbsent, ifExists exclude each other/],
  [{ ifExists: true, ifRevision: 1 }, /^TypeError: .*exclude each other/],
  [{ returning: 'all' }, /^TypeError: returning must be previous or representation, got all/],
  [{ return: 'previous' }, /^TypeError: there is no option return/],
])('with %j every write is refused, and changes nothing', async (options, message) => {
  const key = fresh();
  for (const { call, operation } of WRITES.map(([, write]) => write)) {
    expect(await call(kvs, key, options).then(String, String)).toMatch(message);
    expect(await kvs.batch([operation(key, options)]).then(String, String)).toMatch(message);
  }
  expect(await kvs.delete(key, options).then(String, String)).toMatch(/^TypeError/);
  expect(await kvs.get(key)).toBeUndefined();
});

it('of a deletion there is no new value to return', async () => {
  const untyped = { returning: 'representation' } as never;
  await expect(kvs.delete('k', untyped)).rejects.toThrow(/returning must be previous/);
});
