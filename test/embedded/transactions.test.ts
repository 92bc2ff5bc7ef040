/** Several keys at once: batches, atomic operations and optimistic transactions. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DistributedKeyValueStore, type BatchOperation, type Transaction } from '../../src/index.js';

let kvs: DistributedKeyValueStore;
/** All keys in one shard. */
let single: DistributedKeyValueStore;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 4 });
  single = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 1 });
  await Promise.all([kvs.ready(), single.ready()]);
});
afterAll(() => Promise.all([kvs.close(), single.close()]));

let keys = 0;
const fresh = (): string => `key${(keys += 1)}`;
const untyped = (value: unknown): never => value as never;

describe('in a process that has just begun', () => {
  it.each(['a batch', 'a transaction', 'an atomic operation'])('%s may be the first operation', async (first) => {
    // Modules anew: nothing is loaded yet.
    vi.resetModules();
    const { DistributedKeyValueStore: Fresh } = await import('../../src/index.js');
    await using store = new Fresh({ nodes: 3 });
    if (first === 'a batch') await store.batch([{ op: 'put', key: 1, value: 1 }]);
    else if (first === 'a transaction')
      await store.transaction((tx) => { tx.set(1, 1); }); // prettier-ignore
    else await store.atomic().set(1, 1).set(2, 1).commit();
    expect(await store.get(1)).toBe(1);
  });
});

describe('over several shards', () => {
  /** Two keys in different shards. */
  const pair = (): [string, string] => {
    const a = fresh();
    let b = fresh();
    while (kvs.where(a).shard === kvs.where(b).shard) b = fresh();
    return [a, b];
  };

  it('an atomic operation is all or nothing, and names the revision in each', async () => {
    const [a, b] = pair();
    const result = await kvs.atomic().check(a, { absent: true }).set(a, 1).increment(b, 5).commit();
    const [entryA, entryB] = await Promise.all([kvs.getEntry(a), kvs.getEntry(b)]);
    expect([entryA?.value, entryB?.value]).toEqual([1, 5]);
    expect(result.committed && [...result.revisions].sort(([x], [y]) => x - y)).toEqual(
      [
        [kvs.where(a).shard, entryA?.revision],
        [kvs.where(b).shard, entryB?.revision],
      ].sort(([x = 0], [y = 0]) => x - y),
    );
    expect(await kvs.atomic().check(b, { value: 6 }).set(a, 2).commit()).toEqual({ committed: false });
    await kvs.put(b, 'text');
    await expect(kvs.atomic().set(a, 3).increment(b).commit()).rejects.toMatchObject({ code: 'wrong-type' });
    expect(await kvs.get(a)).toBe(1);
  });

  it('a transaction commits at the first try if nothing interferes', async () => {
    const [a, b] = pair();
    let calls = 0;
    for (const amount of [10, 20]) {
      await kvs.transaction(async (tx) => {
        calls += 1;
        tx.set(a, ((await tx.get<number>(a)) ?? 100) - amount);
        tx.set(b, ((await tx.get<number>(b)) ?? 0) + amount);
      });
    }
    expect([calls, await kvs.get(a), await kvs.get(b)]).toEqual([2, 70, 30]);
  });

  it('a transaction that only reads is verified', async () => {
    const [a, b] = pair();
    await kvs.atomic().set(a, 1).set(b, 1).commit();
    let calls = 0;
    const sum = await kvs.transaction(async (tx) => {
      calls += 1;
      const first = await tx.get<number>(a);
      if (calls === 1) await kvs.atomic().set(a, 2).set(b, 0).commit();
      return (first ?? 0) + ((await tx.get<number>(b)) ?? 0);
    });
    expect([sum, calls]).toEqual([2, 2]);
  });
});

describe('a batch', () => {
  it('runs every kind of operation, over all shards, and answers in the order asked', async () => {
    const made = Array.from({ length: 40 }, fresh);
    expect(new Set(made.map((key) => kvs.where(key).shard)).size).toBe(4);
    const puts = await kvs.batch(made.map((key, value) => ({ op: 'put', key, value }) as const));
    expect(puts.every((result) => result.status === 'fulfilled' && result.value.created)).toBe(true);
    const gets = await kvs.batch(made.map((key) => ({ op: 'get', key }) as const));
    expect(gets).toEqual(made.map((_, value) => ({ status: 'fulfilled', value })));
  });

  it('runs the operations on one key in order, each with its own result', async () => {
    const key = fresh();
    const results = await kvs.batch([
      { op: 'get', key },
      { op: 'increment', key, by: 5n, ttl: '1h' },
      { op: 'put', key, value: { a: 1 }, ttl: 'keep' },
      { op: 'append', key, value: 'x' },
      { op: 'patch', key, patch: { b: 2 } },
      { op: 'put', key, value: 0, ifAbsent: true },
      { op: 'touch', key, ttl: null },
      { op: 'get', key },
      { op: 'delete', key },
      { op: 'delete', key },
    ]);
    expect(results).toMatchObject([
      { status: 'fulfilled', value: undefined },
      { status: 'fulfilled', value: { value: 5n, applied: 5n, version: 1, created: true } },
      { status: 'fulfilled', value: { version: 2, created: false } },
      { status: 'rejected', reason: { name: 'KvorumError', code: 'wrong-type', outcome: 'not_applied' } },
      { status: 'fulfilled', value: { version: 3 } },
      { status: 'rejected', reason: { code: 'precondition-failed' } },
      { status: 'fulfilled', value: { version: 4 } },
      { status: 'fulfilled', value: { a: 1, b: 2 } },
      { status: 'fulfilled', value: true },
      { status: 'fulfilled', value: false },
    ]);
  });

  it('of nothing has no results', async () => {
    expect(await kvs.batch([])).toEqual([]);
  });

  it.each<[string, unknown[], RegExp]>([
    ['an unknown operation', [{ op: 'pop', key: 'a' }], /no operation pop/],
    ['an unknown option', [{ op: 'get', key: 'a', ttl: 1 }], /no option ttl/],
    ['a wrong number', [{ op: 'put', key: 'a', value: 1, ttl: -1 }], /ttl must be/],
    ['a value that cannot be stored', [{ op: 'put', key: 'a', value: untyped(() => 1) }], /function/],
  ])('with %s is refused, and nothing of it happens', async (_, wrong, message) => {
    const key = fresh();
    const operations = [{ op: 'put', key, value: 1 }, ...wrong] as BatchOperation[];
    expect(await kvs.batch(operations).then(String, String)).toMatch(message);
    expect(await kvs.get(key)).toBeUndefined();
  });

  it('has its limits', async () => {
    const gets = Array.from({ length: 1_001 }, () => ({ op: 'get', key: 'a' }) as const);
    expect(await kvs.batch(gets.slice(1))).toHaveLength(1_000);
    await expect(kvs.batch(gets)).rejects.toMatchObject({ code: 'invalid-request', details: { limit: 1_000 } });
    const large = { op: 'put', key: 'a', value: new Uint8Array(5 * 1024 * 1024) } as const;
    await expect(kvs.batch([large, large])).rejects.toMatchObject({ code: 'value-too-large', outcome: 'not_applied' });
  });
});

describe('an atomic operation', () => {
  it('writes if its checks hold, in the order of the calls', async () => {
    const [a, b, c] = [fresh(), fresh(), fresh()];
    const { revision } = await single.put(a, 1);
    const result = await single
      .atomic()
      .check(a, { revision })
      .check(b, { absent: true })
      .set(b, 'new', { ttl: '1h' })
      .delete(a)
      .increment(c, 2)
      .increment(c, 3n)
      .commit();
    expect(result).toEqual({
      ...{ committed: true, revision: expect.any(Number) as number, revisions: expect.any(Map) as object },
    });
    expect(await single.get(a)).toBeUndefined();
    expect(await single.getEntry(b)).toMatchObject({
      ...{ value: 'new', revision: result.committed && result.revision, expiresAt: expect.any(Date) as Date },
    });
    expect(await single.get(c)).toBe(5);
  });

  it('writes nothing if a check does not hold', async () => {
    const [a, b] = [fresh(), fresh()];
    const { revision } = await single.put(a, { n: 1, m: [2] });
    const attempt = (check: Parameters<ReturnType<typeof single.atomic>['check']>[1]) =>
      single.atomic().check(a, check).set(b, 1).commit();
    const failing = [
      { absent: true },
      { revision: revision + 1 },
      { version: 0 },
      { version: 2 },
      { value: { n: 1, m: [3] } },
      { value: 'text' },
    ] as const;
    for (const check of failing) expect(await attempt(check)).toEqual({ committed: false });
    expect(await single.get(b)).toBeUndefined();
    const holding = [{ exists: true }, { revision }, { version: 1 }, { value: { m: [2], n: 1 } }] as const;
    for (const check of holding) expect(await attempt(check)).toMatchObject({ committed: true });
    expect(await single.getEntry(b)).toMatchObject({ version: 4 });
  });

  it.each([['text'], [new Uint8Array([1])], [new Date(7)], [-1n], [1.5], [null]])(
    'compares with %o as it is stored',
    async (value) => {
      const key = fresh();
      await single.put(key, value);
      expect(await single.atomic().check(key, { value }).commit()).toMatchObject({ committed: true });
      expect(await single.atomic().check(key, { value: 'other' }).commit()).toEqual({ committed: false });
    },
  );

  it('compares a counter with a number', async () => {
    const key = fresh();
    await single.increment(key, 3);
    expect(await single.atomic().check(key, { value: 3 }).commit()).toMatchObject({ committed: true });
  });

  it('keeps nothing of the writes before one that fails', async () => {
    const [a, b] = [fresh(), fresh()];
    await single.put(b, 'no number');
    await expect(single.atomic().set(a, 1).delete(b).set(b, 'text').increment(b).commit()).rejects.toMatchObject({
      ...{ code: 'wrong-type', outcome: 'not_applied', details: { field: 'ops[3]' } },
    });
    expect(await single.get(a)).toBeUndefined();
    expect(await single.get(b)).toBe('no number');
  });

  it('can be committed again, as another one', async () => {
    const key = fresh();
    const add = single.atomic().increment(key);
    await add.commit();
    await add.commit();
    expect(await single.get(key)).toBe(2);
  });

  it('of nothing, or of too much, is refused', async () => {
    await expect(single.atomic().commit()).rejects.toMatchObject({ code: 'invalid-request' });
    const many = single.atomic();
    for (let i = 0; i < 257; i += 1) many.increment('many');
    await expect(many.commit()).rejects.toMatchObject({ code: 'invalid-request', details: { limit: 256 } });
    const large = single.atomic().set('large', new Uint8Array(5 * 1024 * 1024));
    await expect(large.commit()).rejects.toMatchObject({ code: 'value-too-large' });
    expect(await single.get('many')).toBeUndefined();
  });

  it.each<[unknown, RegExp]>([
    [{}, /one of absent, exists/],
    [{ absent: true, exists: true }, /one of absent, exists/],
    [{ absent: false }, /absent must be true/],
    [{ revison: 1 }, /no option revison/],
    [{ revision: 1.5 }, /^RangeError: revision must be/],
    [{ version: '1' }, /^RangeError: version must be/],
    [{ value: undefined }, /undefined cannot be stored/],
    [null, /must be an object/],
  ])('refuses the check %o at once', (check, message) => {
    let error: unknown;
    try {
      single.atomic().check('a', untyped(check));
    } catch (thrown) {
      error = thrown;
    }
    expect(String(error)).toMatch(message);
  });
});

describe('a transaction', () => {
  it('commits at the first try if nothing interferes, also over keys that were absent', async () => {
    const [a, b] = [fresh(), fresh()];
    let calls = 0;
    const transfer = (amount: number) =>
      single.transaction(async (tx) => {
        calls += 1;
        const [from, to] = await Promise.all([tx.get<number>(a), tx.get<number>(b)]);
        tx.set(a, (from ?? 100) - amount);
        tx.set(b, (to ?? 0) + amount);
        return amount * 2;
      });
    expect(await transfer(10)).toBe(20);
    expect(await transfer(20)).toBe(40);
    expect(calls).toBe(2);
    expect([await single.get(a), await single.get(b)]).toEqual([70, 30]);
  });

  it('is called again if a key that it has read was written, created or deleted meanwhile', async () => {
    for (const meanwhile of ['written', 'created', 'deleted'] as const) {
      const [key, copy] = [fresh(), fresh()];
      if (meanwhile !== 'created') await single.put(key, 'before');
      const seen: unknown[] = [];
      await single.transaction(async (tx) => {
        const value = (await tx.get(key)) ?? null;
        seen.push(value);
        if (seen.length === 1) {
          if (meanwhile === 'deleted') await single.delete(key);
          else await single.put(key, 'after');
        }
        tx.set(copy, value);
      });
      expect(seen).toEqual([meanwhile === 'created' ? null : 'before', meanwhile === 'deleted' ? null : 'after']);
      expect(await single.get(copy)).toBe(seen[1]);
    }
  });

  it('only reads, and is verified all the same', async () => {
    const [a, b] = [fresh(), fresh()];
    await single.batch([
      { op: 'put', key: a, value: 1 },
      { op: 'put', key: b, value: 1 },
    ]);
    let calls = 0;
    const sum = await single.transaction(async (tx) => {
      calls += 1;
      const first = await tx.get<number>(a);
      if (calls === 1) await single.atomic().set(a, 2).set(b, 0).commit();
      return (first ?? 0) + ((await tx.get<number>(b)) ?? 0);
    });
    expect([sum, calls]).toEqual([2, 2]);
  });

  it('sees its own writes, and the same value at every read', async () => {
    const [a, b] = [fresh(), fresh()];
    await single.put(a, 1);
    const values = await single.transaction(
      async (tx) => {
        const first = await tx.get(a);
        const again = await tx.get(a);
        tx.set(a, { x: 1 });
        const own = await tx.get(a);
        tx.delete(a);
        const deleted = await tx.get(a);
        tx.set(b, 7, { ttl: '1h' });
        return [first, again, own, deleted, await tx.get(b)];
      },
      { retries: 0 },
    );
    expect(values).toEqual([1, 1, { x: 1 }, undefined, 7]);
    expect(await single.get(a)).toBeUndefined();
    expect(await single.getEntry(b)).toMatchObject({ value: 7, expiresAt: expect.any(Date) as Date });
  });

  it('writes nothing if its function throws, or reads nothing and writes nothing', async () => {
    const key = fresh();
    const failing = single.transaction((tx) => {
      tx.set(key, 1);
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(new RangeError('no'));
    expect(await single.get(key)).toBeUndefined();
    expect(await single.transaction(() => 'nothing')).toBe('nothing');
  });

  it('is called again if its function throws over values of different moments', async () => {
    const [a, b] = [fresh(), fresh()];
    await single.atomic().set(a, 50).set(b, 50).commit();
    let calls = 0;
    const total = await single.transaction(async (tx) => {
      calls += 1;
      const first = (await tx.get<number>(a)) ?? 0;
      if (calls === 1) await single.atomic().increment(a, -10).increment(b, 10).commit();
      const sum = first + ((await tx.get<number>(b)) ?? 0);
      if (sum !== 100) throw new Error(`the books do not balance: ${sum}`);
      return sum;
    });
    expect([total, calls]).toEqual([100, 2]);
  });

  it('gives up after its retries, with nothing written', async () => {
    const [key, other] = [fresh(), fresh()];
    let calls = 0;
    const losing = single.transaction(
      async (tx) => {
        calls += 1;
        await tx.get(key);
        await single.increment(key);
        tx.set(other, calls);
      },
      { retries: 2 },
    );
    await expect(losing).rejects.toMatchObject({ code: 'conflict', outcome: 'not_applied', retryable: true });
    expect(calls).toBe(3);
    expect(await single.get(other)).toBeUndefined();
  });

  it('loses no update, however many run at once', async () => {
    const key = fresh();
    const add = () =>
      single.transaction(
        async (tx) => {
          tx.set(key, ((await tx.get<number>(key)) ?? 0) + 1);
        },
        { retries: 200 },
      );
    await Promise.all(Array.from({ length: 12 }, add));
    expect(await single.getEntry(key)).toMatchObject({ value: 12, version: 12 });
  });

  it('cannot be used after its end', async () => {
    const kept: Transaction[] = [];
    await single.transaction((tx) => kept.push(tx));
    const [tx] = kept;
    await expect(tx?.get('a')).rejects.toThrow(TypeError);
    expect(() => tx?.set('a', 1)).toThrow(TypeError);
    expect(() => tx?.delete('a')).toThrow(TypeError);
  });

  it.each([[{ retries: -1 }], [{ retries: 1.5 }], [{ retries: 1_001 }]])('with %o is refused', async (options) => {
    await expect(single.transaction(() => 1, options)).rejects.toThrow(RangeError);
    await expect(single.transaction(() => 1, untyped({ retry: 1 }))).rejects.toThrow(TypeError);
  });
});
