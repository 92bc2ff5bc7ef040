/** What each operation of a store does to a key, its results and its errors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore } from '../../src/index.js';

let kvs: DistributedKeyValueStore;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  await kvs.ready();
});
afterAll(() => kvs.close());

let keys = 0;
const fresh = (): string => `key${(keys += 1)}`;
const untyped = (value: unknown): never => value as never;

describe('put', () => {
  it('answers revision and version, and whether it created the key', async () => {
    const key = fresh();
    const first = await kvs.put(key, 'a');
    expect(first).toMatchObject({ version: 1, created: true });
    const second = await kvs.put(key, 'b');
    expect(second).toMatchObject({ version: 2, created: false });
    expect(second.revision).toBeGreaterThan(first.revision);
  });

  it.each([undefined, '1h'])('with ifRevision (ttl %s) writes only over that revision', async (ttl) => {
    const key = fresh();
    const options = ttl === undefined ? {} : { ttl };
    const { revision } = await kvs.put(key, 'a', options);
    const second = await kvs.put(key, 'b', { ...options, ifRevision: revision });
    await expect(kvs.put(key, 'c', { ...options, ifRevision: revision })).rejects.toMatchObject({
      ...{ code: 'precondition-failed', outcome: 'not_applied', details: { currentRevision: second.revision } },
    });
    expect(await kvs.get(key)).toBe('b');
  });

  it.each([undefined, '1h'])('with ifAbsent (ttl %s) creates only', async (ttl) => {
    const key = fresh();
    const options = { ifAbsent: true, ...(ttl !== undefined && { ttl }) };
    const { revision } = await kvs.put(key, 'a', options);
    await expect(kvs.put(key, 'b', options)).rejects.toMatchObject({
      ...{ code: 'precondition-failed', details: { currentRevision: revision } },
    });
    await kvs.delete(key);
    expect(await kvs.put(key, 'b', options)).toMatchObject({ version: 1, created: true });
  });

  it.each<[object, RegExp]>([
    [{ ttl: 0 }, /^RangeError: ttl must be/],
    [{ ttl: 1.5 }, /^RangeError: ttl must be/],
    [{ ttl: '1 s' }, /^RangeError: ttl must be.*got 1 s/],
    [{ ttl: '3661d' }, /^RangeError: ttl must be/],
    [{ ttl: null }, /^RangeError: ttl must be/],
    [{ ifRevision: -1 }, /^RangeError: ifRevision must be/],
    [{ ifRevision: '7' }, /^RangeError: ifRevision must be/],
    [{ ifAbsent: 1 }, /^TypeError: ifAbsent must be/],
    [{ ifAbsent: true, ifRevision: 1 }, /^TypeError: .*exclude each other/],
    [{ tll: '1s' }, /^TypeError: there is no option tll/],
  ])('with %j is refused, and writes nothing', async (options, message) => {
    const key = fresh();
    const error = await kvs.put(key, 1, options).then(String, String);
    expect(error).toMatch(message);
    expect(await kvs.get(key)).toBeUndefined();
  });

  it('of a value that is too large for any shard is refused with a deadline, too', async () => {
    const value = new Uint8Array(16 * 1024 * 1024 + 1);
    await expect(kvs.put(fresh(), value, { ttl: '1h' })).rejects.toMatchObject({ code: 'value-too-large' });
  });
});

describe('getEntry', () => {
  it('has value, revisions, version and deadline', async () => {
    const key = [fresh(), 1n];
    expect(await kvs.getEntry(key)).toBeUndefined();
    const { revision: createRevision } = await kvs.put(key, { a: 1 });
    const { revision } = await kvs.put(key, { a: 2 }, { ttl: '1h' });
    const entry = await kvs.getEntry<{ a: number }>(key);
    expect(entry).toMatchObject({ key, value: { a: 2 }, revision, createRevision, version: 2 });
    expect(Math.abs((entry?.expiresAt?.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    await kvs.put(key, 1);
    expect(await kvs.getEntry(key)).not.toHaveProperty('expiresAt');
  });
});

describe('delete', () => {
  it('with ifRevision removes only that revision', async () => {
    const key = fresh();
    const { revision } = await kvs.put(key, 1);
    await expect(kvs.delete(key, { ifRevision: revision + 1 })).rejects.toMatchObject({
      ...{ code: 'precondition-failed', details: { currentRevision: revision } },
    });
    expect(await kvs.delete(key, { ifRevision: revision })).toBe(true);
    await expect(kvs.delete(key, { ifRevision: revision })).rejects.toMatchObject({ details: { currentRevision: 0 } });
    expect(await kvs.delete(key)).toBe(false);
  });
});

describe('increment', () => {
  it('creates a counter, which get gives as a number', async () => {
    const key = fresh();
    expect(await kvs.increment(key)).toMatchObject({ value: 1n, applied: 1n, version: 1, created: true });
    expect(await kvs.increment(key, -5)).toMatchObject({ value: -4n, applied: -5n, version: 2, created: false });
    expect(await kvs.get(key)).toBe(-4);
  });

  it('is exact to 2^63, and get gives a bigint where a number would not be', async () => {
    const key = fresh();
    await kvs.put(key, Number.MAX_SAFE_INTEGER);
    expect(await kvs.get(key)).toBe(Number.MAX_SAFE_INTEGER);
    expect(await kvs.increment(key, 2n)).toMatchObject({ value: 2n ** 53n + 1n });
    expect(await kvs.get(key)).toBe(2n ** 53n + 1n);
    await kvs.increment(key, 2n ** 63n - 2n ** 53n - 2n);
    expect(await kvs.get(key)).toBe(2n ** 63n - 1n);
    await expect(kvs.increment(key)).rejects.toMatchObject({ code: 'patch-failed', outcome: 'not_applied' });
    await kvs.increment(key, -(2n ** 62n));
    expect(await kvs.get(key)).toBe(2n ** 62n - 1n);
  });

  it('stops at a bound, or goes to it', async () => {
    const key = fresh();
    expect(await kvs.increment(key, 3, { initial: 5, max: 7 })).toEqual({
      ...{ value: 5n, applied: 0n, revision: 0, version: 0, created: false },
    });
    expect(await kvs.get(key)).toBeUndefined();
    expect(await kvs.increment(key, 3, { initial: 5, max: 7, clamp: true })).toMatchObject({ value: 7n, applied: 2n });
    expect(await kvs.increment(key, -9n, { min: 0n })).toMatchObject({ value: 7n, applied: 0n, version: 1 });
  });

  it.each([
    ['a number that was put', 41, 42n],
    ['text that is an integer', '41', 42n],
  ])('takes %s', async (_, value, sum) => {
    const key = fresh();
    await kvs.put(key, value);
    expect((await kvs.increment(key)).value).toBe(sum);
    expect(await kvs.get(key)).toBe(typeof value === 'string' ? String(sum) : Number(sum));
  });

  it.each([[1.5], ['x'], ['+1'], [''], [{ a: 1 }], [null], [7n], [new Uint8Array(1)]])(
    'of %s is of the wrong type',
    async (value) => {
      const key = fresh();
      await kvs.put(key, value);
      await expect(kvs.increment(key)).rejects.toMatchObject({ code: 'wrong-type', outcome: 'not_applied' });
      expect(await kvs.get(key)).toStrictEqual(value);
    },
  );

  it.each<[unknown, object, RegExp]>([
    [1.5, {}, /^RangeError: by must be/],
    [2 ** 53, {}, /^RangeError: by must be/],
    [2n ** 63n, {}, /^RangeError: by must be/],
    ['1', {}, /^RangeError: by must be/],
    [null, {}, /^RangeError: by must be/],
    [1, { max: NaN }, /^RangeError: max must be/],
    [1, { min: -(2n ** 63n) - 1n }, /^RangeError: min must be/],
    [1, { initial: 'a' }, /^RangeError: initial must be/],
    [1, { clamp: 'yes' }, /^TypeError: clamp must be/],
    [1, { maximum: 3 }, /^TypeError: there is no option maximum/],
  ])('by %s with %o is refused', async (by, options, message) => {
    expect(await kvs.increment(fresh(), untyped(by), options).then(String, String)).toMatch(message);
  });
});

describe('append', () => {
  it('adds text to text and bytes to bytes, and creates either', async () => {
    const [text, bytes] = [fresh(), fresh()];
    expect(await kvs.append(text, 'hé')).toMatchObject({ version: 1, created: true });
    expect(await kvs.append(text, 'llo')).toMatchObject({ version: 2, created: false });
    expect(await kvs.get(text)).toBe('héllo');
    await kvs.append(bytes, Uint8Array.of(0));
    await kvs.append(bytes, Buffer.from([255]));
    expect(await kvs.get(bytes)).toStrictEqual(Uint8Array.of(0, 255));
  });

  it.each([[{ a: 1 }], [5], [7n], [new Date(0)]])('to %o is of the wrong type', async (value) => {
    const key = fresh();
    await kvs.put(key, value);
    await expect(kvs.append(key, 'x')).rejects.toMatchObject({ code: 'wrong-type' });
    expect(await kvs.get(key)).toStrictEqual(value);
  });

  it('of anything else is a TypeError', async () => {
    await expect(kvs.append(fresh(), untyped(5))).rejects.toThrow(TypeError);
  });
});

describe('patch', () => {
  it('merges into an object, and creates one', async () => {
    const key = fresh();
    await kvs.put(key, { name: 'Laptop', price: 999.99, tags: { a: 1, b: 2 } });
    expect(await kvs.patch(key, { price: 899, tags: { a: null } })).toMatchObject({ version: 2, created: false });
    expect(await kvs.get(key)).toEqual({ name: 'Laptop', price: 899, tags: { b: 2 } });
    const other = fresh();
    expect(await kvs.patch(other, { a: { b: null } })).toMatchObject({ created: true });
    expect(await kvs.get(other)).toEqual({ a: {} });
  });

  it('applies a JSON Patch, all or nothing', async () => {
    const key = fresh();
    await kvs.put(key, { list: [1, 2] });
    await kvs.patch(key, { jsonPatch: [{ op: 'add', path: '/list/-', value: 3 }] });
    expect(await kvs.get(key)).toEqual({ list: [1, 2, 3] });
    const failing = [
      { op: 'remove', path: '/list/0' },
      { op: 'test', path: '/list/0', value: 1 },
    ];
    await expect(kvs.patch(key, { jsonPatch: failing })).rejects.toMatchObject({
      ...{ code: 'patch-failed', details: { position: 1 } },
    });
    expect(await kvs.get(key)).toEqual({ list: [1, 2, 3] });
  });

  it('takes an object with more members than jsonPatch as one to merge', async () => {
    const key = fresh();
    await kvs.patch(key, { jsonPatch: [1], other: 2 });
    expect(await kvs.get(key)).toEqual({ jsonPatch: [1], other: 2 });
    await expect(kvs.patch(key, { jsonPatch: untyped('x') })).rejects.toThrow(TypeError);
  });

  it.each([['text'], [new Map([['a', 1]])], [{ at: new Date(0) }], [new Uint8Array(2)]])(
    'of %o, which is not stored as JSON, is of the wrong type',
    async (value) => {
      const key = fresh();
      await kvs.put(key, value);
      await expect(kvs.patch(key, { a: 1 })).rejects.toMatchObject({ code: 'wrong-type' });
      expect(await kvs.get(key)).toStrictEqual(value);
    },
  );

  it.each([[undefined], [{ a: undefined }], [{ a: 1n }], [{ a: new Date(0) }], [{ a: NaN }]])(
    '%o is no plain JSON: a TypeError',
    async (patch) => {
      await expect(kvs.patch(fresh(), untyped(patch))).rejects.toThrow(TypeError);
    },
  );
});

describe('touch', () => {
  it('sets and removes the deadline, and keeps the value', async () => {
    const key = fresh();
    const { revision } = await kvs.put(key, 'a');
    const touched = await kvs.touch(key, '1h');
    expect(touched).toMatchObject({ version: 2, created: false });
    expect(touched.revision).toBeGreaterThan(revision);
    expect(await kvs.getEntry(key)).toMatchObject({ value: 'a', expiresAt: expect.any(Date) as Date });
    await kvs.touch(key, null);
    expect(await kvs.getEntry(key)).not.toHaveProperty('expiresAt');
  });

  it('of an absent key fails', async () => {
    await expect(kvs.touch(fresh(), 1_000)).rejects.toMatchObject({
      ...{ code: 'precondition-failed', details: { currentRevision: 0 } },
    });
    await expect(kvs.touch(fresh(), untyped(undefined))).rejects.toThrow(RangeError);
  });
});

describe('a store that is closed', () => {
  it('refuses every operation', async () => {
    const closed = new DistributedKeyValueStore({ nodes: 1, shards: 1 });
    await closed.close();
    const calls = [
      () => closed.put('a', 1, { ttl: 1_000 }),
      () => closed.getEntry('a'),
      () => closed.increment('a'),
      () => closed.atomic().set('a', 1).commit(),
      () => closed.transaction((tx) => tx.get('a')),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'shutting-down' });
    const [result] = await closed.batch([{ op: 'get', key: 'a' }]);
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'shutting-down' } });
  });
});

describe('a stale read', () => {
  it('with minRevision sees what was written', async () => {
    const key = fresh();
    for (let n = 0; n < 5; n += 1) {
      const { revision } = await kvs.put(key, n);
      expect(await kvs.get(key, { consistency: 'stale', minRevision: revision })).toBe(n);
      expect(await kvs.getEntry(key, { consistency: 'stale', minRevision: revision })).toMatchObject({ revision });
    }
  });

  it.each([1, '1ms', 86_400_000, '24h'])('with a maxStaleness of %s is answered', async (maxStaleness) => {
    const key = fresh();
    await kvs.put(key, 1);
    const value = await kvs.get(key, { consistency: 'stale', maxStaleness });
    if (maxStaleness === 1 || maxStaleness === '1ms') expect(value).toBe(1);
    expect([undefined, 1]).toContain(value);
  });

  it.each<[object, RegExp]>([
    [{ minRevision: 1 }, /^TypeError: minRevision is only for reads with consistency stale/],
    [{ consistency: 'linearizable', maxStaleness: 1 }, /^TypeError: maxStaleness is only for reads/],
    [{ consistency: 'lease' }, /^TypeError: consistency must be linearizable or stale, got lease/],
    [{ consistency: 'stale', minRevision: -1 }, /^RangeError: minRevision must be/],
    [{ consistency: 'stale', maxStaleness: 0 }, /^RangeError: maxStaleness must be/],
    [{ consistency: 'stale', maxStaleness: '25h' }, /^RangeError: maxStaleness must be.*got 25h/],
    [{ consistency: 'stale', maxStaleness: 1.5 }, /^RangeError: maxStaleness must be/],
    [{ stale: true }, /^TypeError: there is no option stale/],
  ])('with %j is refused', async (options, message) => {
    expect(await kvs.get('k', options).then(String, String)).toMatch(message);
  });
});
