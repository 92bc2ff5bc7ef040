/** Keys in order in an embedded store: lists, counts and deletions of ranges. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DistributedKeyValueStore,
  type CommonPrefix,
  type Entry,
  type GroupedListOptions,
  type KeyRange,
  type ListOptions,
} from '../../src/index.js';
import { NamespaceKeyspace } from '../../src/embedded/namespace.js';

let kvs: DistributedKeyValueStore;
beforeEach(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  await kvs.ready();
});
afterEach(() => kvs.close());

async function keysOf(options?: ListOptions): Promise<unknown[]> {
  const keys: unknown[] = [];
  for await (const { key } of kvs.list(options)) keys.push(key);
  return keys;
}

async function rowsOf(list: AsyncIterable<Pick<Entry, 'key'> | CommonPrefix>) {
  const rows = [];
  for await (const row of list) rows.push(row);
  return rows;
}

const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => String(from + n));

describe('list', () => {
  it('gives entries in the order of keys, over all shards and pages', async () => {
    const all = names(100, 240);
    await Promise.all(all.map((key) => kvs.put(key, { key })));
    const entries = [];
    for await (const entry of kvs.list<{ key: string }>()) entries.push(entry);
    expect(entries.map(({ key }) => key)).toEqual(all);
    expect(entries[7]).toEqual(await kvs.getEntry('107'));
    expect(await keysOf({ reverse: true })).toEqual([...all].reverse());
    expect(await keysOf({ start: '130', end: '133' })).toEqual(['130', '131', '132']);
    expect(await keysOf({ prefix: '10' })).toEqual(names(100, 110));
    expect(await keysOf({ start: '235', limit: 3 })).toEqual(['235', '236', '237']);
    expect(await keysOf({ start: '200', end: '100' })).toEqual([]);
  });

  it('orders keys of different types, and finds arrays by their first elements', async () => {
    const keys = [7n, new Date(0), 'text', ['user', 1, 'a'], ['user', 1, 'b'], ['user', 2], { a: 1 }];
    for (const key of keys) await kvs.put(key, 1);
    expect(await keysOf()).toEqual(keys);
    expect(await keysOf({ prefix: ['user', 1] })).toEqual(keys.slice(3, 5));
    expect(await keysOf({ prefix: ['user'], reverse: true, keysOnly: true })).toEqual(keys.slice(3, 6).reverse());
  });

  it('without values has keys alone', async () => {
    await kvs.put('a', 1);
    for await (const entry of kvs.list({ keysOnly: true })) expect(entry).toEqual({ key: 'a' });
  });

  it('may be left at any time, and sees what is written before it gets there', async () => {
    for (const key of names(100, 200)) await kvs.put(key, 1);
    const seen: unknown[] = [];
    for await (const { key } of kvs.list()) {
      seen.push(key);
      if (seen.length === 1) await Promise.all([kvs.put('199x', 1), kvs.delete('198')]);
    }
    expect(seen).toEqual([...names(100, 198), '199', '199x']);
    for await (const { key } of kvs.list()) {
      expect(key).toBe('100');
      break;
    }
  });

  it('puts keys with a common prefix into one row', async () => {
    const all = ['a', 'd/1', 'd/2', 'd/e/3', 'é/4', 'z', ...names(100, 180).map((name) => `m/${name}`)];
    for (const keyspace of [kvs, kvs.namespace('folders')]) {
      if (keyspace instanceof NamespaceKeyspace) await keyspace.create();
      await keyspace.batch(all.map((key) => ({ op: 'put', key, value: key }) as const));
      await keyspace.put(['d/', 5], 1);
      const rows = async (options: Omit<GroupedListOptions, 'delimiter'>) =>
        (await rowsOf(keyspace.list({ ...options, delimiter: '/' }))).map((row) => ('key' in row ? row.key : row));
      const [d, m, e] = ['d/', 'm/', 'é/'].map((prefix) => ({ prefix }));
      expect(await rows({})).toEqual(['a', d, m, 'z', e, ['d/', 5]]);
      expect(await rows({ reverse: true })).toEqual([['d/', 5], e, 'z', m, d, 'a']);
      expect(await rows({ limit: 3 })).toEqual(['a', d, m]);
      expect(await rows({ prefix: 'd/' })).toEqual(['d/1', 'd/2', { prefix: 'd/e/' }]);
      expect(await rows({ start: 'd/2', end: 'n' })).toEqual([d, m]);
      const [, , row] = await rowsOf(keyspace.list({ prefix: 'd/', delimiter: 'e', keysOnly: true }));
      expect(row).toEqual({ prefix: 'd/e' });
    }
  });

  it('refuses delimiters that are none', async () => {
    const untyped = (options: object): Promise<unknown[]> => keysOf(options);
    await expect(untyped({ delimiter: '' })).rejects.toThrow(/delimiter must have 1 to 255 bytes, got 0/);
    await expect(untyped({ delimiter: 'é'.repeat(128) })).rejects.toThrow(RangeError);
    await expect(untyped({ delimiter: 7 })).rejects.toThrow(TypeError);
    await expect(untyped({ delimiter: '/', prefix: ['a'] })).rejects.toThrow(/must be text/);
    await expect(kvs.count({ delimiter: '/' } as object)).rejects.toThrow(/no option delimiter/);
  });

  it('may be stale, as a count may', async () => {
    for (const key of names(100, 110)) await kvs.put(key, 1);
    const options = { consistency: 'stale', maxStaleness: 1 } as const;
    expect(await keysOf(options)).toEqual(names(100, 110));
    expect(await kvs.count(options)).toBe(10);
    for (const node of [0, 1]) await kvs.simulateNodeFailure(node);
    // Without a majority there is only what the last node has.
    expect(await keysOf({ consistency: 'stale', prefix: '10' })).toEqual(names(100, 110));
    expect(await kvs.count({ consistency: 'stale' })).toBe(10);
  });

  it.each<[object, RegExp]>([
    [{ minRevision: 1, consistency: 'stale' }, /no option minRevision/],
    [{ maxStaleness: '1s' }, /maxStaleness is only for reads with consistency stale/],
    [{ consistency: 'lease' }, /consistency must be linearizable or stale/],
    [{ consistency: 'stale', maxStaleness: 0 }, /maxStaleness must be/],
  ])('with %j is refused, as a count is', async (options, message) => {
    await expect(keysOf(options)).rejects.toThrow(message);
    await expect(kvs.count(options)).rejects.toThrow(message);
  });

  it('refuses options that are none', async () => {
    const untyped = (options: object): Promise<unknown[]> => keysOf(options);
    await expect(untyped({ prefix: 'a', start: 'b' })).rejects.toThrow(TypeError);
    await expect(untyped({ prefix: 7 })).rejects.toThrow(/text, bytes, or an array/);
    await expect(untyped({ limit: 0 })).rejects.toThrow(RangeError);
    await expect(untyped({ reverse: 1 })).rejects.toThrow(TypeError);
    await expect(untyped({ from: 'a' })).rejects.toThrow(/no option from/);
    await expect(untyped({ start: () => 1 })).rejects.toThrow(TypeError);
  });
});

describe('count and deleteRange', () => {
  it('act on the keys of a range', async () => {
    const all = ['a1', 'a2', 'b1', '{t}1', '{t}2'];
    for (const key of all) await kvs.put(key, 1);
    expect(await kvs.count()).toBe(5);
    expect(await kvs.count({ prefix: 'a' })).toBe(2);
    expect(await kvs.count({ start: 'b', end: 'a' })).toBe(0);
    expect(await kvs.deleteRange({ prefix: '{t}' })).toBe(2);
    expect(await kvs.deleteRange({ start: 'a2', end: 'c' })).toBe(2);
    expect(await kvs.deleteRange({ prefix: 'z' })).toBe(0);
    expect(await keysOf()).toEqual(['a1']);
  });

  it('delete more keys than one entry may', async () => {
    const all = names(1_000, 3_500);
    for (let at = 0; at < all.length; at += 500) {
      await kvs.batch(all.slice(at, at + 500).map((key) => ({ op: 'put', key: `{x}${key}`, value: 1 }) as const));
    }
    await kvs.put('other', 1);
    expect(await kvs.deleteRange({ start: '{x}', end: '{y}' })).toBe(2_500);
    expect(await keysOf()).toEqual(['other']);
  });

  it('count what would be deleted', async () => {
    for (const key of ['a1', 'a2', 'b1']) await kvs.put(key, 1);
    expect(await kvs.deleteRange({ prefix: 'a', dryRun: true })).toBe(2);
    expect(await kvs.count()).toBe(3);
    await expect(kvs.deleteRange({ prefix: 'a', dryRun: 'yes' as never })).rejects.toThrow(/dryRun must be/);
    expect(await kvs.deleteRange({ prefix: 'a', dryRun: false })).toBe(2);
  });

  it('refuse to delete everything by an omission', async () => {
    await kvs.put('a', 1);
    const unbounded = [{}, { prefix: '' }, { prefix: [] }, { prefix: new Uint8Array(0) }, { start: '' }];
    for (const range of unbounded as KeyRange[]) {
      await expect(kvs.deleteRange(range)).rejects.toThrow(TypeError);
    }
    expect(await kvs.count()).toBe(1);
  });
});

it('a closed store refuses', async () => {
  await kvs.close();
  await expect(keysOf()).rejects.toMatchObject({ code: 'shutting-down' });
  await expect(kvs.count()).rejects.toMatchObject({ code: 'shutting-down' });
});
