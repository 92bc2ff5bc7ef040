/** Namespaces of an embedded store: every operation within them, and their limits. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore, type NamespaceKeyspace, type NamespaceOptions } from '../../src/index.js';

let kvs: DistributedKeyValueStore;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  await kvs.ready();
});
afterAll(() => kvs.close());

let unique = 0;
const nameless = (): NamespaceKeyspace => kvs.namespace(`ns-${(unique += 1)}`);
async function created(limits?: NamespaceOptions): Promise<NamespaceKeyspace> {
  const namespace = nameless();
  expect(await namespace.create(limits)).toMatchObject({ created: true });
  return namespace;
}
const keysOf = async (list: AsyncIterable<{ readonly key: unknown }>): Promise<unknown[]> => {
  const keys = [];
  for await (const { key } of list) keys.push(key);
  return keys;
};
const MISSING = { code: 'namespace-not-found', outcome: 'not_applied' };
const FULL = { code: 'quota-exceeded', outcome: 'not_applied' };

describe('a namespace', () => {
  it('is created, changed, shown, listed and removed', async () => {
    const namespace = await created({ maxKeys: 2 });
    const { name } = namespace;
    const { shard } = kvs.namespace(name).where('k');
    expect(await namespace.info()).toMatchObject({ name, shard, keys: 0, bytes: 0, maxKeys: 2 });
    expect(await namespace.create({ maxBytes: 90 })).toMatchObject({ created: false });
    await namespace.put('key', 'text');
    const info = await namespace.info();
    expect(info).toMatchObject({ keys: 1, maxBytes: 90 });
    expect(info).not.toHaveProperty('maxKeys');
    expect(info.bytes).toBeGreaterThan(6);
    expect(info.revision).toBeGreaterThan(info.createRevision);
    const listed = [];
    for await (const each of kvs.namespaces()) listed.push(each);
    expect(listed).toContainEqual(info);
    await namespace.delete('key');
    await namespace.drop();
    await expect(namespace.info()).rejects.toMatchObject(MISSING);
    await expect(namespace.drop()).rejects.toMatchObject(MISSING);
  });

  it('with keys is removed by force only, and comes back empty', async () => {
    const namespace = await created();
    await namespace.put('a', 1);
    await expect(namespace.drop()).rejects.toMatchObject({ code: 'namespace-not-empty', outcome: 'not_applied' });
    expect(await namespace.get('a')).toBe(1);
    await namespace.drop({ force: true });
    await namespace.create();
    expect(await namespace.get('a')).toBeUndefined();
  });

  it('has keys of its own', async () => {
    const [one, other] = [await created(), await created()];
    await kvs.put('k', 'main');
    await one.put('k', 'one');
    expect(await other.get('k')).toBeUndefined();
    await other.put('k', 'other');
    expect(await Promise.all([kvs, one, other].map((keyspace) => keyspace.get('k')))).toEqual(['main', 'one', 'other']);
    expect(await one.delete('k')).toBe(true);
    expect(await Promise.all([kvs, one, other].map((keyspace) => keyspace.get('k')))).toEqual([
      'main',
      undefined,
      'other',
    ]);
    expect(await keysOf(kvs.list({ keysOnly: true }))).toEqual(['k']);
  });

  it.each(['', '-a', 'A', 'a_b', 'a/b', 'a'.repeat(64)])('cannot have the name %j', (name) => {
    expect(() => kvs.namespace(name)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
  });

  it('refuses limits that are none', async () => {
    const namespace = nameless();
    const untyped = (limits: object): Promise<unknown> => namespace.create(limits);
    for (const maxKeys of [-1, 1.5, 2 ** 48, '9']) await expect(untyped({ maxKeys })).rejects.toThrow(RangeError);
    await expect(untyped({ keys: 1 })).rejects.toThrow(/no option keys/);
    await expect(namespace.drop({ force: 1 as never })).rejects.toThrow(TypeError);
    await expect(namespace.info()).rejects.toMatchObject(MISSING);
  });
});

type Call = readonly [name: string, call: (namespace: NamespaceKeyspace) => Promise<unknown>];
const READS: readonly Call[] = [
  ['get', (namespace) => namespace.get('k')],
  ['getEntry', (namespace) => namespace.getEntry('k')],
  ['list', (namespace) => keysOf(namespace.list())],
  ['list with a prefix', (namespace) => keysOf(namespace.list({ prefix: 'k' }))],
  ['count', (namespace) => namespace.count()],
  ['list of no keys', (namespace) => keysOf(namespace.list({ start: 'b', end: 'a' }))],
  ['count of no keys', (namespace) => namespace.count({ start: 'b', end: 'a' })],
  ['deleteRange of no keys', (namespace) => namespace.deleteRange({ start: 'b', end: 'a' })],
  [
    'transact that goes on',
    (namespace) => namespace.transact({ then: [{ op: 'get', key: 'k' }], onError: 'continue' }),
  ],
  ['transaction that reads', (namespace) => namespace.transaction((tx) => tx.get('k'))],
];
/** They add a key. */
const WRITES: readonly Call[] = [
  ['put', (namespace) => namespace.put('k', 1)],
  ['put with a deadline', (namespace) => namespace.put('k', 1, { ttl: '1h', ifAbsent: true })],
  ['increment', (namespace) => namespace.increment('k')],
  ['append', (namespace) => namespace.append('k', 'text')],
  ['patch', (namespace) => namespace.patch('k', { a: 1 })],
  ['put that returns', (namespace) => namespace.put('k', 1, { returning: 'previous' })],
  ['transact', (namespace) => namespace.transact({ then: [{ op: 'put', key: 'k', value: 1 }] })],
  ['atomic', (namespace) => namespace.atomic().check('k', { absent: true }).set('k', 1).commit()],
  [
    'transaction',
    (namespace) =>
      namespace.transaction((tx) => {
        tx.set('k', 1);
      }),
  ],
  [
    'batch',
    async (namespace) => {
      const [result] = await namespace.batch([{ op: 'put', key: 'k', value: 1 }]);
      if (result.status === 'rejected') throw result.reason;
    },
  ],
];
const REMOVALS: readonly Call[] = [
  ['delete', (namespace) => namespace.delete('full')],
  ['deleteRange', (namespace) => namespace.deleteRange({ prefix: 'full' })],
];

describe('every operation', () => {
  it.each([...READS, ...WRITES, ...REMOVALS])('%s fails in a namespace that does not exist', async (_, call) => {
    await expect(call(nameless())).rejects.toMatchObject(MISSING);
  });

  it('of a batch fails for itself in a namespace that does not exist', async () => {
    const rejected = { status: 'rejected', reason: MISSING };
    const gets = await nameless().batch([
      { op: 'get', key: 'k' },
      { op: 'get', key: 'l' },
    ]);
    expect(gets).toMatchObject([rejected, rejected]);
    const mixed = await nameless().batch([
      { op: 'get', key: 'k' },
      { op: 'put', key: 'k', value: 1 },
      { op: 'increment', key: 'n' },
      { op: 'delete', key: 'k' },
    ]);
    expect(mixed).toMatchObject([rejected, rejected, rejected, rejected]);
  });

  it.each(WRITES)('%s works in one with room, and fails in a full one', async (_, call) => {
    const namespace = await created({ maxKeys: 1 });
    await namespace.put('full', 1);
    await expect(call(namespace)).rejects.toMatchObject(FULL);
    expect(await namespace.count()).toBe(1);
    await namespace.delete('full');
    await call(namespace);
    expect(await namespace.count()).toBe(1);
    expect(await namespace.get('k')).toBeDefined();
  });

  it.each(REMOVALS)('%s works in a full one', async (_, call) => {
    const namespace = await created({ maxKeys: 1 });
    await namespace.put('full', 1);
    await call(namespace);
    expect(await namespace.info()).toMatchObject({ keys: 0, bytes: 0 });
  });

  it('answers as outside', async () => {
    const namespace = await created();
    const first = await namespace.put(['k', 1n], 'a');
    expect(first).toMatchObject({ version: 1, created: true });
    await expect(namespace.put(['k', 1n], 'b', { ifAbsent: true })).rejects.toMatchObject({
      ...{ code: 'precondition-failed', outcome: 'not_applied', details: { currentRevision: first.revision } },
    });
    const second = await namespace.put(['k', 1n], 'b', { ifRevision: first.revision, ttl: '1h' });
    expect(await namespace.getEntry(['k', 1n])).toEqual({
      ...{ key: ['k', 1n], value: 'b', revision: second.revision, createRevision: first.revision, version: 2 },
      expiresAt: expect.any(Date) as unknown,
    });
    await expect(namespace.delete(['k', 1n], { ifRevision: first.revision })).rejects.toMatchObject({
      ...{ code: 'precondition-failed', details: { currentRevision: second.revision } },
    });
    expect(await namespace.delete(['k', 1n], { ifRevision: second.revision })).toBe(true);
    expect(await namespace.delete(['k', 1n])).toBe(false);
    expect(await namespace.increment('n', 5, { max: 3, clamp: true })).toMatchObject({ value: 3n, applied: 3n });
    expect(await namespace.touch('n', '1h')).toMatchObject({ version: 2 });
  });

  it('of a range stays in it', async () => {
    const namespace = await created();
    const keys = ['a1', 'a2', 'b1', 'b2'];
    await namespace.batch(keys.map((key) => ({ op: 'put', key, value: key }) as const));
    await kvs.put('a3', 1);
    expect(await keysOf(namespace.list())).toEqual(keys);
    expect(await keysOf(namespace.list({ reverse: true, limit: 3 }))).toEqual(['b2', 'b1', 'a2']);
    expect(await keysOf(namespace.list({ start: 'a2', end: 'b2' }))).toEqual(['a2', 'b1']);
    expect(await keysOf(namespace.list({ start: 'b2' }))).toEqual(['b2']);
    expect(await namespace.count({ prefix: 'a' })).toBe(2);
    expect(await namespace.deleteRange({ start: 'a2' })).toBe(3);
    await expect(namespace.deleteRange({})).rejects.toThrow(TypeError);
    expect(await keysOf(namespace.list())).toEqual(['a1']);
    expect(await kvs.get('a3')).toBe(1);
  });

  it('over many keys is one entry, up to 2,000', async () => {
    const namespace = await created();
    const keys = Array.from({ length: 1_999 }, (_, at) => at);
    const atomic = namespace.atomic();
    for (const key of keys) atomic.set(key, key);
    const committed = await atomic.check('k', { absent: true }).commit();
    const { shard } = namespace.where('anything');
    if (!committed.committed) throw new Error('it was not committed');
    expect([...committed.revisions.keys()]).toEqual([shard]);
    const { revision } = (await namespace.getEntry(1_998)) ?? {};
    expect(revision).toBe(committed.revision);
    for (const key of ['a', 'b']) atomic.set(key, key);
    await expect(atomic.commit()).rejects.toMatchObject({ code: 'invalid-request', details: { limit: 2_000 } });
  });

  it('of many clients never passes a limit', async () => {
    const namespace = await created({ maxKeys: 5 });
    const clients = Array.from({ length: 12 }, (_, key) => namespace.put(key, key));
    const ends = await Promise.allSettled(clients);
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    expect(refused).toHaveLength(7);
    for (const reason of refused) expect(reason).toMatchObject(FULL);
    expect(await namespace.count()).toBe(5);
  });
});
