import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore, KvorumError, type StoreOptions } from '../../src/index.js';

const open: DistributedKeyValueStore[] = [];

function store(...args: [StoreOptions?] | [number, number?]): DistributedKeyValueStore {
  const kvs =
    typeof args[0] === 'number'
      ? new DistributedKeyValueStore(args[0], args[1])
      : new DistributedKeyValueStore(args[0]);
  open.push(kvs);
  return kvs;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((kvs) => kvs.close()));
});

describe('the two examples', () => {
  it('3 nodes, 2 replicas: what was put is got', async () => {
    const kvs = store(3, 2);
    await kvs.put('user1', { name: 'John', age: 30 });
    await kvs.put('user2', { name: 'Alice', age: 25 });
    expect(await kvs.get('user1')).toEqual({ name: 'John', age: 30 });
  });

  it('5 nodes, 3 replicas: any one node may fail without an error', async () => {
    const kvs = store({ nodes: 5, replicas: 3 });
    const product = { name: 'Laptop', price: 999.99 };
    await kvs.put('product1', product);
    expect(await kvs.get('product1')).toEqual(product);
    for (const node of [2, 0, 1, 3, 4]) {
      await kvs.simulateNodeFailure(node);
      expect(await kvs.get('product1')).toEqual(product);
      await kvs.put('product1', product);
      await kvs.recoverNode(node);
    }
    await kvs.simulate_node_failure(2);
    expect(kvs.status().nodes[2]).toMatchObject({ alive: false });
    await kvs.recover_node(2);
    expect(kvs.status().nodes[2]).toMatchObject({ alive: true });
  });
});

describe('keys and values', () => {
  it('any serializable value comes back as structured clone has it', async () => {
    const kvs = store(3);
    const values = [
      null, true, 0, -0, NaN, Infinity, 'text', '', 12345678901234567890n, -1n, new Date(0), [1, [2, undefined]],
      { a: undefined, b: { c: null } }, new Map<unknown, unknown>([[1, 'one'], ['two', new Set([2])]]),
      new Uint8Array([0, 255]), new Set(['x']), /re/g,
    ]; // prettier-ignore
    for (const [i, value] of values.entries()) {
      await kvs.put(i, value);
      const got = await kvs.get(i);
      expect(got).toStrictEqual(structuredClone(value));
      expect(Object.is(got, value) || typeof value !== 'number').toBe(true);
    }
  });

  it('keys of any serializable type are distinguished by type and compared by content', async () => {
    const kvs = store(3);
    const keys = [
      'a', 1, '1', 1n, true, null, new Date(1), new Uint8Array([97]), [1], ['1'], { a: 1, b: 2 },
      new Map([['a', 1]]), new Set(['a']), NaN, undefined,
    ]; // prettier-ignore
    for (const [i, key] of keys.entries()) await kvs.put(key, i);
    for (const [i, key] of keys.entries()) expect(await kvs.get(structuredClone(key))).toBe(i);
    expect(await kvs.get({ b: 2, a: 1 })).toBe(keys.findIndex((k) => k instanceof Object && 'b' in k));
  });

  it('the empty string is a key like any other, and so are empty bytes', async () => {
    const kvs = store({ nodes: 3, replicas: 3, shards: 4 });
    const empty = new Uint8Array(0);
    expect(await kvs.get('')).toBeUndefined();
    expect(await kvs.delete('')).toBe(false);
    await kvs.put('', 'nothing');
    expect(await kvs.get(empty)).toBeUndefined();
    await kvs.put(empty, 'no bytes');
    const others = ['\u0000', ' ', [''], [], {}, { '': '' }, null, undefined];
    for (const [i, key] of others.entries()) await kvs.put(key, i);
    expect(await kvs.get('')).toBe('nothing');
    expect(kvs.where('').shard).toBeLessThan(4);
    await kvs.simulateNodeFailure(kvs.where('').leader ?? 0);
    expect(await kvs.get('')).toBe('nothing');
    await kvs.put('', 'changed');
    expect(await kvs.get('')).toBe('changed');
    expect(await kvs.delete('')).toBe(true);
    expect(await kvs.get('')).toBeUndefined();
    expect(await kvs.get(empty)).toBe('no bytes');
    for (const [i, key] of others.entries()) expect(await kvs.get(key)).toBe(i);
  });

  it('values are copied in and out', async () => {
    const kvs = store(3);
    const value = { list: [1] };
    await kvs.put('k', value);
    value.list.push(2);
    const got = (await kvs.get('k')) as typeof value;
    expect(got).toEqual({ list: [1] });
    got.list.push(3);
    expect(await kvs.get('k')).toEqual({ list: [1] });
  });

  it('what cannot be serialized is a TypeError, and absent is undefined', async () => {
    const kvs = store(1);
    await expect(kvs.put('f', () => 1)).rejects.toBeInstanceOf(TypeError);
    await expect(kvs.put('s', Symbol('s'))).rejects.toBeInstanceOf(TypeError);
    await expect(kvs.put('deep', { f: () => 1 })).rejects.toBeInstanceOf(TypeError);
    await expect(kvs.put(() => 1, 1)).rejects.toBeInstanceOf(TypeError);
    await expect(kvs.get(Symbol('k'))).rejects.toBeInstanceOf(TypeError);
    expect(await kvs.get('f')).toBeUndefined();
    expect(await kvs.delete('f')).toBe(false);
    await kvs.put('f', 0);
    expect(await kvs.delete('f')).toBe(true);
    expect(await kvs.get('f')).toBeUndefined();
  });
});

describe('bounds', () => {
  it.each([
    [{ nodes: 0 }, /nodes must be a whole number from 1 to 100, got 0/],
    [{ nodes: 101 }, /nodes .* 1 to 100, got 101/],
    [{ nodes: 2.5 }, /nodes .* got 2.5/],
    [{ nodes: 3, replicas: 4 }, /replicas must be a whole number from 1 to 3 \(the number of nodes\), got 4/],
    [{ nodes: 3, replicas: 0 }, /replicas .* got 0/],
    [{ shards: 0 }, /shards .* got 0/],
    [{ timeoutMs: 0 }, /timeoutMs .* got 0/],
    [{ nodes: '3' as unknown as number }, /nodes .* got 3/],
  ])('%j is a RangeError that names the bound', (options, message) => {
    expect(() => new DistributedKeyValueStore(options)).toThrow(RangeError);
    expect(() => new DistributedKeyValueStore(options)).toThrow(message);
  });

  it.each([
    [null, /options must be an object, got null/],
    [{ dataDir: 5 }, /dataDir must be the path of a folder, got number/],
    [{ nodez: 5 }, /there is no option nodez/],
  ])('%j is a TypeError that says why', (options, message) => {
    expect(() => new DistributedKeyValueStore(options as unknown as StoreOptions)).toThrow(TypeError);
    expect(() => new DistributedKeyValueStore(options as unknown as StoreOptions)).toThrow(message);
  });

  it('a node that does not exist is a RangeError', () => {
    const kvs = store(3);
    expect(() => kvs.simulateNodeFailure(3)).toThrow(/node must be a whole number from 0 to 2, got 3/);
    expect(() => {
      kvs.partition([[0, 1], [1, 2]]); // prettier-ignore
    }).toThrow(/node 1 is named twice/);
  });
});

describe('faults', () => {
  it('with too few replicas alive an operation ends in an error within its timeout, never in a wrong undefined', async () => {
    const kvs = store({ nodes: 3, replicas: 3, timeoutMs: 2_000 });
    await kvs.put('k', 'v');
    await kvs.simulateNodeFailure(0);
    await kvs.simulateNodeFailure(1);
    const read: unknown = await kvs.get('k').catch((error: unknown) => error);
    expect(read).toBeInstanceOf(KvorumError);
    expect(read).toMatchObject({ outcome: 'not_applied', retryable: true });
    const write: unknown = await kvs.put('k', 'w').catch((error: unknown) => error);
    expect(write).toBeInstanceOf(KvorumError);
    expect(['not_applied', 'unknown']).toContain((write as KvorumError).outcome);
    await kvs.recoverNode(0);
    expect(['v', 'w']).toContain(await kvs.get('k'));
  });

  it('the side of a partition that has a majority serves; after healing all do', async () => {
    const kvs = store({ nodes: 5, replicas: 5, shards: 4 });
    await kvs.put('k', 1);
    const deposed = kvs.where('k').leader!;
    const other = (deposed + 1) % 5;
    const majority = [0, 1, 2, 3, 4].filter((node) => node !== deposed && node !== other);
    kvs.partition([[deposed, other], majority]);
    await kvs.put('k', 2);
    expect(await kvs.get('k')).toBe(2);
    kvs.heal();
    // Two of the majority fail: the others must have its writes by then, or fetch them from the third.
    await kvs.simulateNodeFailure(majority[0]!);
    await kvs.simulateNodeFailure(majority[1]!);
    expect(await kvs.get('k')).toBe(2);
  });

  it('reports the shard and replicas of a key', async () => {
    const kvs = store({ nodes: 5, replicas: 3, shards: 8 });
    await kvs.ready();
    const { shard, replicas, leader } = kvs.where('k');
    expect(shard).toBeLessThan(8);
    expect(new Set(replicas).size).toBe(3);
    expect(replicas).toContain(leader);
    const status = kvs.status();
    expect(status).toMatchObject({ shards: 8, replicas: 3, shardsWithLeader: 8 });
    expect(status.nodes.reduce((sum, node) => sum + node.replicas, 0)).toBe(24);
  });

  it('a closed store fails calls with that reason', async () => {
    const kvs = store(1);
    await kvs.close();
    await expect(kvs.get('k')).rejects.toMatchObject({ code: 'shutting-down', outcome: 'not_applied' });
    await expect(kvs.simulateNodeFailure(0)).rejects.toMatchObject({ code: 'shutting-down' });
    await expect(kvs.recoverNode(0)).rejects.toMatchObject({ code: 'shutting-down' });
  });
});

describe('on disk', () => {
  it('a folder opens again as the same cluster, with all that was put', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-embedded-'));
    try {
      const first = store({ nodes: 3, replicas: 3, shards: 4, dataDir });
      for (let i = 0; i < 20; i++) await first.put(['k', i], { i });
      await first.put('', 'nothing');
      await first.simulateNodeFailure(1);
      await first.put('late', true);
      await first.close();
      const second = store({ nodes: 3, replicas: 3, shards: 4, dataDir });
      for (let i = 0; i < 20; i++) expect(await second.get(['k', i])).toEqual({ i });
      expect(await second.get('')).toBe('nothing');
      expect(await second.get('late')).toBe(true);
      await second.close();
      expect(() => store({ nodes: 3, replicas: 3, shards: 8, dataDir })).toThrow(/shards is 8, but .* made with 4/);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

describe('size', () => {
  it('100 nodes with 128 shards of 3 replicas work', async () => {
    const kvs = store({ nodes: 100, replicas: 3, shards: 128 });
    await kvs.ready();
    await Promise.all(Array.from({ length: 300 }, (_, i) => kvs.put(i, String(i))));
    await kvs.simulateNodeFailure(50);
    const got = await Promise.all(Array.from({ length: 300 }, (_, i) => kvs.get(i)));
    expect(got).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
  });
});

it('a failure that is not awaited, then a recovery: the node runs, and is shown as alive', async () => {
  const kvs = new DistributedKeyValueStore({ nodes: 3, shards: 2 });
  await kvs.ready();
  const failing = kvs.simulateNodeFailure(0);
  const recovering = kvs.recoverNode(0);
  await Promise.all([failing, recovering]);
  await kvs.ready();
  expect(kvs.status().nodes.map(({ alive }) => alive)).toEqual([true, true, true]);
  await kvs.close();
});

it('ready() names the missing nodes when there is no quorum', async () => {
  const kvs = new DistributedKeyValueStore({ nodes: 3, shards: 2, timeoutMs: 300 });
  await kvs.ready();
  await kvs.simulateNodeFailure(0);
  await kvs.simulateNodeFailure(1);
  await expect(kvs.ready()).rejects.toMatchObject({
    code: 'no-leader',
    message: expect.stringContaining('0, 1') as string,
  });
  await kvs.close();
});
