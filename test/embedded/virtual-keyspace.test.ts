/** Operations of a store in virtual time: deadlines, and what becomes of operations when nodes fail. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedCluster } from '../../src/embedded/cluster.js';
import { ClusterExecutor } from '../../src/embedded/executor.js';
import { Keyspace } from '../../src/embedded/keyspace.js';
import { checkOptions, type StoreOptions } from '../../src/embedded/options.js';
import { KvorumError, MemoryDisk, MemoryStorage, loadHash } from '../../src/shard/index.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

beforeAll(loadHash);

const TIMEOUT_MS = 4_000;

class VirtualStore extends Keyspace {
  readonly runtime: VirtualRuntime;
  readonly cluster: EmbeddedCluster;

  constructor(options: StoreOptions = {}) {
    const runtime = new VirtualRuntime();
    const checked = checkOptions({ nodes: 3, shards: 2, timeoutMs: TIMEOUT_MS, ...options });
    const disks = Array.from({ length: checked.nodes }, () => new MemoryDisk());
    const cluster = new EmbeddedCluster(checked, {
      runtime,
      storage: (node) => new MemoryStorage(disks[node] ?? new MemoryDisk()),
      closed: () => Promise.resolve(),
    });
    super(new ClusterExecutor(cluster, TIMEOUT_MS));
    this.runtime = runtime;
    this.cluster = cluster;
  }

  /** What the promise resolves to, in virtual time. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return this.runtime.settle(promise, 120_000);
  }
}

const open: VirtualStore[] = [];
async function start(options?: StoreOptions): Promise<VirtualStore> {
  const store = new VirtualStore(options);
  open.push(store);
  await store.wait(store.cluster.ready());
  return store;
}
afterEach(async () => {
  for (const store of open.splice(0)) await store.wait(store.cluster.close());
});

/** Time within which a key goes after its deadline. */
const LATE_MS = 250;

describe('a key with a deadline', () => {
  it('is there until then, and gone soon after', async () => {
    const store = await start();
    const { runtime } = store;
    const before = runtime.wallTime();
    await store.wait(store.put('k', 'v', { ttl: '10s' }));
    const after = runtime.wallTime();
    const { expiresAt } = (await store.wait(store.getEntry('k'))) ?? {};
    const at = expiresAt?.getTime() ?? 0;
    expect(at).toBeGreaterThanOrEqual(before + 10_000);
    expect(at).toBeLessThanOrEqual(after + 10_000 + LATE_MS);
    await runtime.run(at - 50 - runtime.wallTime());
    expect(await store.wait(store.get('k'))).toBe('v');
    await runtime.run(at + LATE_MS - runtime.wallTime());
    expect(await store.wait(store.get('k'))).toBeUndefined();
    expect(await store.wait(store.put('k', 'w', { ifAbsent: true }))).toMatchObject({ version: 1, created: true });
  });

  it('keeps it where asked for, loses it by a plain put, and gets another one by touch', async () => {
    const store = await start();
    for (const key of ['kept', 'cleared', 'touched']) await store.wait(store.put(key, 1, { ttl: 5_000 }));
    await store.runtime.run(3_000);
    await store.wait(store.put('kept', 2, { ttl: 'keep' }));
    await store.wait(store.put('cleared', 2));
    await store.wait(store.touch('touched', 5_000));
    await store.runtime.run(2_500);
    const values = () => store.wait(Promise.all(['kept', 'cleared', 'touched'].map((key) => store.get(key))));
    expect(await values()).toEqual([undefined, 2, 1]);
    await store.runtime.run(3_000);
    expect(await values()).toEqual([undefined, 2, undefined]);
  });

  it('limits a rate: an increment sets it at the creation only', async () => {
    const store = await start();
    const request = async () => (await store.wait(store.increment('user', 1, { max: 3, ttl: '10s' }))).applied;
    const burst = async () => [await request(), await request(), await request(), await request()];
    expect(await burst()).toEqual([1n, 1n, 1n, 0n]);
    await store.runtime.run(6_000);
    expect(await request()).toBe(0n);
    await store.runtime.run(4_500);
    expect(await burst()).toEqual([1n, 1n, 1n, 0n]);
  });

  it('that goes between read and commit is a conflict', async () => {
    const store = await start({ shards: 1 });
    await store.wait(store.put('lock', 'me', { ttl: 1_000 }));
    const seen: unknown[] = [];
    const pause = () => new Promise<void>((resolve) => store.runtime.after(2_000, resolve));
    await store.wait(
      store.transaction(async (tx) => {
        seen.push(await tx.get('lock'));
        if (seen.length === 1) await pause();
        tx.set('owner', seen.at(-1) ?? 'nobody');
      }),
    );
    expect(seen).toEqual(['me', undefined]);
    expect(await store.wait(store.get('owner'))).toBe('nobody');
  });
});

it('a stale read with a revision that no replica has ends as a timeout, in time', async () => {
  const store = await start();
  const { revision } = await store.wait(store.put('k', 1));
  const before = store.runtime.now();
  const read = store.get('k', { consistency: 'stale', minRevision: revision + 1 });
  await expect(store.wait(read)).rejects.toMatchObject({ code: 'timeout', outcome: 'not_applied', retryable: true });
  expect(store.runtime.now() - before).toBeLessThanOrEqual(TIMEOUT_MS + 500);
});

/** Fails and recovers one node after the other, until `done`. */
async function failNodes(store: VirtualStore, done: () => boolean): Promise<void> {
  for (let node = 0; !done(); node = (node + 1) % 3) {
    await store.cluster.fail(node);
    await new Promise<void>((resolve) => store.runtime.after(1_500, resolve));
    await store.cluster.recover(node);
    await new Promise<void>((resolve) => store.runtime.after(1_000, resolve));
  }
}

/** Runs `clients` loops of `rounds` operations while nodes fail; how many were acknowledged, and how many are unknown. */
async function underFailures(store: VirtualStore, clients: number, rounds: number, operation: () => Promise<unknown>) {
  const counts = { acknowledged: 0, unknown: 0, notApplied: 0 };
  let ended = false;
  const client = async (): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      try {
        await operation();
        counts.acknowledged += 1;
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        if (error.outcome === 'unknown') counts.unknown += 1;
        else counts.notApplied += 1;
      }
      await new Promise<void>((resolve) => store.runtime.after(40, resolve));
    }
  };
  const work = Promise.all(Array.from({ length: clients }, client)).then(() => (ended = true));
  await store.wait(Promise.all([work, failNodes(store, () => ended)]));
  return counts;
}

describe('while nodes fail', () => {
  it('every acknowledged increment counts once, and no other but those of unknown outcome', async () => {
    const store = await start();
    const counts = await underFailures(store, 4, 100, () => store.increment('n'));
    const total = Number(await store.wait(store.get('n')));
    expect(counts.acknowledged).toBeGreaterThan(100);
    expect(total).toBeGreaterThanOrEqual(counts.acknowledged);
    expect(total).toBeLessThanOrEqual(counts.acknowledged + counts.unknown);
  });

  it.each([1, 4])('transactions over %i shards neither make nor lose money', async (shards) => {
    const store = await start({ shards });
    const accounts = ['a', 'b', 'c'];
    await store.wait(store.batch(accounts.map((key) => ({ op: 'put', key, value: 100 }) as const)));
    let turn = 0;
    const counts = await underFailures(store, 3, 40, () => {
      turn += 1;
      const [from, to] = [accounts[turn % 3], accounts[(turn + 1) % 3]];
      return store.transaction(async (tx) => {
        const [left = 0, right = 0] = [await tx.get<number>(from), await tx.get<number>(to)];
        tx.set(from, left - 7);
        tx.set(to, right + 7);
      });
    });
    expect(counts.acknowledged).toBeGreaterThan(20);
    const balances = await store.wait(
      store.transaction((tx) => Promise.all(accounts.map((key) => tx.get<number>(key)))),
    );
    expect(balances.reduce<number>((sum, balance) => sum + (balance ?? 0), 0)).toBe(300);
  });

  it('a batch fails only where a shard has no quorum', async () => {
    const store = await start({ replicas: 1, shards: 6 });
    const keys = Array.from({ length: 30 }, (_, i) => i);
    await store.wait(store.cluster.fail(1));
    const results = await store.wait(store.batch(keys.map((key) => ({ op: 'put', key, value: key }) as const)));
    const lost = keys.filter((_, at) => results[at]?.status === 'rejected');
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(30);
    for (const [at, result] of results.entries()) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ outcome: 'not_applied', retryable: true });
      else expect(await store.wait(store.get(keys[at]))).toBe(keys[at]);
    }
  });
});
