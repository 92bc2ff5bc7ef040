/** Transactions as one value, and what `atomic()` has besides plain writes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore, type NamespaceKeyspace } from '../../src/index.js';

let kvs: DistributedKeyValueStore;
/** All keys in one shard. */
let single: DistributedKeyValueStore;
let namespace: NamespaceKeyspace;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  single = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 1 });
  namespace = kvs.namespace('transact');
  await namespace.create();
});
afterAll(() => Promise.all([kvs.close(), single.close()]));

let keys = 0;
/** Keys that are in more than one shard of `kvs`. */
const several = (): [string, string, string] => {
  for (;;) {
    const made = Array.from({ length: 3 }, () => `key${(keys += 1)}`);
    if (new Set(made.map((key) => kvs.where(key).shard)).size > 1) return made as [string, string, string];
  }
};
const untyped = (value: unknown): never => value as never;

describe.each(['over shards', 'in one shard', 'in a namespace'])('transact %s', (where) => {
  const keyspace = () => (where === 'over shards' ? kvs : where === 'in one shard' ? single : namespace);

  it('runs then or else, and gives the result of each operation', async () => {
    const [a, b, c] = several();
    const attempt = () =>
      keyspace().transact({
        if: [{ key: a, absent: true }],
        then: [
          { op: 'put', key: a, value: { n: 1 }, ttl: '1h' },
          { op: 'patch', key: a, patch: { m: 2 }, returning: 'representation' },
          { op: 'increment', key: b, by: 5 },
          { op: 'get', key: b },
          { op: 'append', key: c, value: 'text' },
          { op: 'touch', key: c, ttl: '1h', ifExists: true },
        ],
        else: [
          { op: 'get', key: a },
          { op: 'delete', key: b, returning: 'previous' },
          { op: 'delete', key: c },
        ],
      });
    const first = await attempt();
    if (!first.succeeded) throw new Error('it has not succeeded');
    expect(first.results).toMatchObject([
      { status: 'fulfilled', value: { version: 1, created: true, expiresAt: expect.any(Date) as Date } },
      { status: 'fulfilled', value: { version: 2, entry: { key: a, value: { n: 1, m: 2 } } } },
      { status: 'fulfilled', value: { value: 5n, applied: 5n } },
      { status: 'fulfilled', value: 5 },
      { status: 'fulfilled', value: { created: true } },
      { status: 'fulfilled', value: { version: 2 } },
    ]);
    const { shard } = keyspace().where(a);
    expect(first.revisions.get(shard)).toBe((await keyspace().getEntry(a))?.revision);
    expect(first.revision).toBe(Math.max(...first.revisions.values()));
    const second = await attempt();
    expect(second).toMatchObject({
      succeeded: false,
      results: [
        { status: 'fulfilled', value: { n: 1, m: 2 } },
        { status: 'fulfilled', value: { deleted: true, previous: { key: b, value: 5 } } },
        { status: 'fulfilled', value: true },
      ],
    });
    expect(await keyspace().get(b)).toBeUndefined();
  });

  it('compares in every way', async () => {
    const [a, b, c] = several();
    const { revision } = await keyspace().put(a, { n: 1 });
    const held = await keyspace().transact({
      if: [
        { key: a, exists: true },
        { key: a, revision },
        { key: a, version: 1 },
        { key: a, value: { n: 1 } },
        { key: a, unchangedSince: revision },
        { key: b, absent: true },
      ],
    });
    expect(held).toMatchObject({ succeeded: true, results: [] });
    await keyspace().put(a, 1);
    const failed = { if: [{ key: a, unchangedSince: revision }], else: [{ op: 'put', key: c, value: 1 }] } as const;
    expect(await keyspace().transact(failed)).toMatchObject({ succeeded: false });
    expect(await keyspace().get(c)).toBe(1);
  });

  it('writes nothing if an operation fails, and names it; or goes on, if asked to', async () => {
    const [a, b, c] = several();
    await keyspace().put(a, 'text');
    const then = [
      { op: 'put', key: b, value: 1 },
      { op: 'increment', key: a },
      { op: 'put', key: c, value: 1, ifExists: true },
    ] as const;
    const failing = then.slice(0, 2);
    await expect(keyspace().transact({ then: failing })).rejects.toMatchObject({
      ...{ code: 'wrong-type', outcome: 'not_applied', details: { field: 'then[1]' } },
    });
    const other = keyspace().transact({ if: [{ key: a, absent: true }], else: failing });
    await expect(other).rejects.toMatchObject({ code: 'wrong-type', details: { field: 'else[1]' } });
    expect(await keyspace().get(b)).toBeUndefined();
    expect((await keyspace().transact({ then, onError: 'continue' })).results).toMatchObject([
      { status: 'fulfilled', value: { created: true } },
      { status: 'rejected', reason: { code: 'wrong-type', outcome: 'not_applied' } },
      { status: 'rejected', reason: { code: 'precondition-failed', details: { currentRevision: 0 } } },
    ]);
    expect(await keyspace().get(b)).toBe(1);
  });
});

it.each<[string, unknown, RegExp | object]>([
  ['nothing to do', { if: [], then: [] }, { code: 'invalid-request', details: { field: 'then' } }],
  ['too much', { then: Array.from({ length: 257 }, () => ({ op: 'get', key: 'a' })) }, { details: { limit: 256 } }],
  ['an unknown part', { otherwise: [] }, /^TypeError: there is no option otherwise/],
  ['an unknown policy', { then: [{ op: 'get', key: 'a' }], onError: 'stop' }, /^TypeError: onError must be/],
  ['two checks in one', { if: [{ key: 'a', absent: true, version: 0 }] }, /^TypeError: a check has one of/],
  ['a wrong revision', { if: [{ key: 'a', unchangedSince: -1 }] }, /^RangeError: unchangedSince must be/],
  ['a key of its own', { then: [{ op: 'put', key: 'a', value: 1, idempotencyKey: 'x' }] }, /no option idempotencyKey/],
])('a transaction with %s is refused', async (_, request, wanted) => {
  const error: unknown = await kvs.transact(untyped(request)).then(String, (reason: unknown) => reason);
  if (wanted instanceof RegExp) expect(String(error)).toMatch(wanted);
  else expect(error).toMatchObject({ outcome: 'not_applied', ...wanted });
});

describe('an atomic operation', () => {
  it('appends, patches and touches', async () => {
    const [a, b, c] = several();
    await kvs.put(a, { n: 1 });
    await kvs.put(c, 1);
    const { committed } = await kvs.atomic().patch(a, { m: 2 }).append(b, 'te').append(b, 'xt').touch(c, '1h').commit();
    expect(committed).toBe(true);
    expect([await kvs.get(a), await kvs.get(b)]).toEqual([{ n: 1, m: 2 }, 'text']);
    expect(await kvs.getEntry(c)).toMatchObject({ version: 2, expiresAt: expect.any(Date) as Date });
  });

  it('notices that a key came and went since a revision', async () => {
    const [a, b] = several();
    const { revision } = await single.put(b, 1);
    const attempt = () => single.atomic().check(a, { unchangedSince: revision }).set(b, 2).commit();
    expect(await attempt()).toMatchObject({ committed: true });
    await single.put(a, 1);
    await single.delete(a);
    expect(await attempt()).toEqual({ committed: false });
    expect(await single.get(b)).toBe(2);
  });

  it('has conditions as checks alone', () => {
    expect(() => kvs.atomic().increment('a', 1, untyped({ ifExists: true }))).toThrow(/no option ifExists/);
    expect(() => kvs.atomic().set('a', 1, untyped({ returning: 'previous' }))).toThrow(/no option returning/);
  });
});

it('namespaces are listed in either order, and may be stale', async () => {
  for (const name of ['za', 'zb']) await kvs.namespace(name).create();
  const names = async (options: Parameters<typeof kvs.namespaces>[0]) => {
    const listed = [];
    for await (const { name } of kvs.namespaces(options)) listed.push(name);
    return listed;
  };
  expect(await names({ reverse: true })).toEqual(['zb', 'za', 'transact']);
  expect(await names({ consistency: 'stale', maxStaleness: 1 })).toEqual(['transact', 'za', 'zb']);
  await expect(names(untyped({ minRevision: 1 }))).rejects.toThrow(/no option minRevision/);
  const stale = { consistency: 'stale', maxStaleness: 1 } as const;
  expect(await kvs.namespace('za').info(stale)).toEqual(await kvs.namespace('za').info());
  await expect(kvs.namespace('za').info({ maxStaleness: 1 })).rejects.toThrow(/only for reads with consistency stale/);
});
