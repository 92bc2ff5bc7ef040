/** Calls that are made again under their idempotency key: done once, and every further one gets the first result. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore, type NamespaceKeyspace } from '../../src/index.js';

let kvs: DistributedKeyValueStore;
let namespace: NamespaceKeyspace;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  namespace = kvs.namespace('once');
  await namespace.create();
});
afterAll(() => kvs.close());

let keys = 0;
const fresh = (): string => `key${(keys += 1)}`;
const LONG = 'x'.repeat(5_000);

type Keyed = { readonly idempotencyKey: string };
type Call = (keyspace: DistributedKeyValueStore | NamespaceKeyspace, key: string, once: Keyed) => Promise<object>;
const WRITES: readonly (readonly [name: string, call: Call])[] = [
  ['put', (keyspace, key, once) => keyspace.put(key, 1, once)],
  ['put with a deadline', (keyspace, key, once) => keyspace.put(key, 1, { ttl: '1h', ...once })],
  ['put with a condition', (keyspace, key, once) => keyspace.put(key, 1, { ifAbsent: true, ...once })],
  ['increment', (keyspace, key, once) => keyspace.increment(key, 2, once)],
  ['append', (keyspace, key, once) => keyspace.append(key, 'a', { returning: 'representation', ...once })],
  ['patch', (keyspace, key, once) => keyspace.patch(key, { a: 1 }, once)],
  ['atomic', (keyspace, key, once) => keyspace.atomic().check(key, { absent: true }).increment(key).commit(once)],
  ['transact', (keyspace, key, once) => keyspace.transact({ then: [{ op: 'increment', key }] }, once)],
];

describe.each(['the store', 'a namespace'])('in %s', (where) => {
  const keyspace = () => (where === 'the store' ? kvs : namespace);

  it.each(WRITES)('%s is done once under one key, and says of a replay that it is one', async (_, call) => {
    const [key, once] = [fresh(), { idempotencyKey: randomUUID() }];
    const first = await call(keyspace(), key, once);
    expect(first).not.toHaveProperty('replayed');
    const entry = await keyspace().getEntry(key);
    const second = await call(keyspace(), key, once);
    expect(second).toMatchObject({ ...first, replayed: true });
    expect(await keyspace().getEntry(key)).toEqual(entry);
    const without = await call(keyspace(), fresh(), { idempotencyKey: `"${randomUUID()}"` });
    expect(without).not.toHaveProperty('replayed');
  });

  it('delete', async () => {
    const [key, once] = [fresh(), { idempotencyKey: randomUUID() }];
    await keyspace().put(key, 1);
    const first = await keyspace().delete(key, once);
    expect(first).toEqual({ deleted: true, revision: expect.any(Number) as number });
    await keyspace().put(key, 2);
    expect(await keyspace().delete(key, once)).toEqual({ ...first, replayed: true });
    expect(await keyspace().get(key)).toBe(2);
    const shown = { returning: 'previous', idempotencyKey: randomUUID() } as const;
    const gone = await keyspace().delete(key, shown);
    expect(gone).toMatchObject({ deleted: true, previous: { key, value: 2 } });
    expect(await keyspace().delete(key, shown)).toEqual({ ...gone, replayed: true });
  });

  it('a batch, shard by shard', async () => {
    const names = Array.from({ length: 12 }, fresh);
    const idempotencyKey = randomUUID();
    const counters = names.map((key) => ({ op: 'increment', key }) as const);
    const batch = () => keyspace().batch([...counters, { op: 'delete', key: 'nothing' }], { idempotencyKey });
    const first = await batch();
    for (const result of first) expect(result).not.toHaveProperty('replayed');
    const second = await batch();
    expect(second).toEqual(first.map((result) => ({ ...result, replayed: true })));
    expect(await Promise.all(names.map((key) => keyspace().get(key)))).toEqual(names.map(() => 1));
  });

  it('a deletion of a range', async () => {
    const [prefix, idempotencyKey] = [fresh(), randomUUID()];
    for (const n of [1, 2, 3]) await keyspace().put(`${prefix}/${n}`, n);
    expect(await keyspace().deleteRange({ prefix, idempotencyKey })).toEqual({ deleted: 3 });
    await keyspace().put(`${prefix}/4`, 4);
    expect(await keyspace().deleteRange({ prefix, idempotencyKey })).toEqual({ deleted: 3, replayed: true });
    expect(await keyspace().count({ prefix })).toBe(1);
  });
});

it('namespaces are created and removed once', async () => {
  const [other, created, dropped] = [kvs.namespace('other'), randomUUID(), randomUUID()];
  const first = await other.create({ maxKeys: 3 }, { idempotencyKey: created });
  expect(first).toEqual({ created: true, revision: expect.any(Number) as number });
  expect(await other.create({ maxKeys: 3 }, { idempotencyKey: created })).toEqual({ ...first, replayed: true });
  const gone = await other.drop({ idempotencyKey: dropped });
  await other.create();
  expect(await other.drop({ idempotencyKey: dropped })).toEqual({ ...gone, replayed: true });
  expect(await other.info()).toMatchObject({ name: 'other' });
});

it('an error of a first call is that of a replay, which says so', async () => {
  const [key, idempotencyKey] = [fresh(), randomUUID()];
  for (const options of [{ idempotencyKey }, { idempotencyKey: randomUUID(), ttl: '1h' }]) {
    const call = () => kvs.put(key, 1, { ifExists: true, ...options });
    const first: unknown = await call().catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'precondition-failed', outcome: 'not_applied' });
    expect(first).not.toHaveProperty('replayed');
    await kvs.put(key, 2);
    await expect(call()).rejects.toMatchObject({ code: 'precondition-failed', replayed: true });
    expect(await kvs.get(key)).toBe(2);
    await kvs.delete(key);
  }
});

it('a key of another call is refused', async () => {
  const [key, idempotencyKey] = [fresh(), randomUUID()];
  await kvs.put(key, 1, { idempotencyKey });
  const reused = { code: 'idempotency-key-reused', outcome: 'not_applied' };
  await expect(kvs.put(key, 2, { idempotencyKey })).rejects.toMatchObject(reused);
  await expect(kvs.put(key, 1, { idempotencyKey, ttl: '1h' })).rejects.toMatchObject(reused);
  expect(await kvs.get(key)).toBe(1);
});

it.each<[unknown, object]>([
  [7, { name: 'TypeError', message: expect.stringMatching(/^idempotencyKey must be the text of a UUID/) as string }],
  ['order17', { code: 'invalid-request', outcome: 'not_applied', details: { field: 'idempotencyKey' } }],
  ['00000000-0000-0000-0000-000000000000', { code: 'invalid-request' }],
])('%s is no key, and nothing is written', async (given, error) => {
  const [key, idempotencyKey] = [fresh(), given as string];
  const calls = [
    kvs.put(key, 1, { idempotencyKey }),
    kvs.increment(key, 1, { idempotencyKey }),
    kvs.delete(key, { idempotencyKey }),
    kvs.batch([{ op: 'put', key, value: 1 }], { idempotencyKey }),
    kvs.deleteRange({ prefix: key, idempotencyKey }),
    kvs.atomic().set(key, 1).commit({ idempotencyKey }),
    kvs.transact({ then: [{ op: 'put', key, value: 1 }] }, { idempotencyKey }),
  ];
  for (const call of calls) await expect(call).rejects.toMatchObject(error);
  expect(await kvs.get(key)).toBeUndefined();
});

it('a result that is too long to be kept is left out of a replay', async () => {
  const [key, put, deletion, many] = [fresh(), randomUUID(), randomUUID(), randomUUID()];
  const first = await kvs.put(key, LONG, { returning: 'representation', idempotencyKey: put });
  expect(first.entry?.value).toBe(LONG);
  const { revision } = first;
  expect(await kvs.put(key, LONG, { returning: 'representation', idempotencyKey: put })).toEqual({
    ...{ revision, version: 0, created: false, replayed: true, resultOmitted: true },
  });
  const request = {
    then: [
      { op: 'get', key },
      { op: 'increment', key: `${key}n` },
    ],
  } as const;
  expect(await kvs.transact(request, { idempotencyKey: many })).not.toHaveProperty('resultsOmitted');
  const again = await kvs.transact(request, { idempotencyKey: many });
  expect(again).toMatchObject({ succeeded: true, replayed: true, resultsOmitted: true });
  expect(again.results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await kvs.get(`${key}n`)).toBe(1);
  const shown = { returning: 'previous', idempotencyKey: deletion } as const;
  expect((await kvs.delete(key, shown)).previous?.value).toBe(LONG);
  expect(await kvs.delete(key, shown)).toMatchObject({ deleted: true, replayed: true, resultOmitted: true });
});

it('a write of unknown outcome names the key under which it is done once', async () => {
  const lone = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 1 });
  try {
    await lone.ready();
    const idempotencyKey = randomUUID();
    lone.partition([[0], [1], [2]]);
    const ends = await Promise.all(
      [{}, { idempotencyKey }].map((options) =>
        lone.increment('k', 1, { ...options, timeoutMs: 400 }).catch((error: unknown) => error),
      ),
    );
    const [unkeyed, keyed] = ends as { outcome: string; idempotencyKey?: string }[];
    expect(unkeyed).toMatchObject({ outcome: 'unknown', idempotencyKey: expect.any(String) as string });
    expect(keyed).toMatchObject({ outcome: 'unknown', idempotencyKey });
    lone.heal();
    await lone.ready();
    for (const each of [unkeyed, keyed, unkeyed, keyed]) {
      await lone.increment('k', 1, { idempotencyKey: each?.idempotencyKey ?? '' });
    }
    expect(await lone.get('k')).toBe(2);
  } finally {
    await lone.close();
  }
});
