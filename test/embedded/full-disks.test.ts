/** Embedded stores whose disks are full: calls fail in time with that reason, nothing hangs, and all goes on once there is room. */
import { beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedCluster } from '../../src/embedded/cluster.js';
import { checkOptions } from '../../src/embedded/options.js';
import { StorageFailure } from '../../src/raft/index.js';
import { MemoryDisk, MemoryStorage, loadHash, stringKey, type KvOperation } from '../../src/shard/index.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const TIMEOUT_MS = 2_000;
/** The router checks deadlines every 10 ms. */
const SLACK_MS = 20;

beforeAll(loadHash);

interface Disks {
  /** Nodes whose disks are full at first. */
  readonly full?: readonly number[];
  /** How long opening a node's disk takes. */
  readonly openMs?: (index: number) => number;
}

/** Three nodes in virtual time. */
function open({ full = [], openMs = () => 0 }: Disks) {
  const runtime = new VirtualRuntime();
  const disks = [0, 1, 2].map(() => new MemoryDisk());
  for (const index of full) disks[index]!.isFull = true;
  const cluster = new EmbeddedCluster(checkOptions({ nodes: 3, shards: 2, timeoutMs: TIMEOUT_MS }), {
    runtime,
    storage: (index) => {
      const storage = new MemoryStorage(disks[index]!);
      const opening = storage.open.bind(storage);
      const opened = new Promise<void>((resolve) => runtime.after(openMs(index), resolve));
      storage.open = () => opened.then(opening);
      return storage;
    },
    closed: () => Promise.resolve(),
  });
  return { runtime, disks, cluster };
}

type Opened = ReturnType<typeof open>;

const get: KvOperation = { type: 'get', key: stringKey('k'), consistency: 'linearizable' };
let operations = 0;
const put = (): KvOperation => ({
  type: 'put',
  key: stringKey('k'),
  body: Buffer.from('v'),
  contentType: 'text/plain',
  condition: { type: 'none' },
  operationId: Buffer.alloc(16, ++operations),
  attempt: 'initial',
});

const execute = async ({ cluster }: Opened, operation: KvOperation) =>
  (await cluster.execute(operation, TIMEOUT_MS)).answer;

interface Ending {
  readonly value?: unknown;
  readonly error?: unknown;
  readonly ms: number;
}

/** How the promise settles, and after how many virtual ms. The caller has to run the clock. */
function watch({ runtime }: Opened, promise: Promise<unknown>): Promise<Ending> {
  const startedAt = runtime.now();
  return promise.then(
    (value) => ({ value, ms: runtime.now() - startedAt }),
    (error: unknown) => ({ error, ms: runtime.now() - startedAt }),
  );
}

const ending = (store: Opened, promise: Promise<unknown>): Promise<Ending> =>
  store.runtime.settle(watch(store, promise), 60_000);

const isFull = { code: 'disk-full', message: expect.stringContaining('room on the disk') as string };
const isAlive = ({ cluster }: Opened): boolean[] => cluster.status().nodes.map(({ alive }) => alive);

describe('a store opened on disks that are full', () => {
  it('fails every operation, and ready(), in time with disk-full, not applied', async () => {
    const store = open({ full: [0, 1, 2] });
    const asked = [get, put()].map((operation) => watch(store, execute(store, operation)));
    const ready = watch(store, store.cluster.ready());
    for (const { value, ms } of await store.runtime.settle(Promise.all(asked))) {
      expect(value).toMatchObject({ type: 'refused', outcome: 'not_applied', ...isFull });
      expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + SLACK_MS);
    }
    const { error, ms } = await store.runtime.settle(ready);
    expect(error).toMatchObject({ ...isFull, message: expect.stringContaining('nodes 0, 1, 2 wait') as string });
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + SLACK_MS);
    expect(isAlive(store)).toEqual([false, false, false]);
    await store.runtime.settle(store.cluster.close());
  });

  it('fails within the timeout also when opening the disks takes half of it', async () => {
    const store = open({ full: [0, 1, 2], openMs: () => TIMEOUT_MS / 2 });
    const { value, ms } = await ending(store, execute(store, put()));
    expect(value).toMatchObject(isFull);
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + SLACK_MS);
    await store.runtime.settle(store.cluster.close());
  });

  it('goes on by itself when there is room', async () => {
    const store = open({ full: [0, 1, 2] });
    await ending(store, store.cluster.ready());
    for (const disk of store.disks) disk.isFull = false;
    expect(await ending(store, store.cluster.ready())).not.toHaveProperty('error');
    expect((await ending(store, execute(store, put()))).value).toMatchObject({ type: 'put' });
    expect(isAlive(store)).toEqual([true, true, true]);
    await store.runtime.settle(store.cluster.close());
  });

  it('closes at once, releases its disks, and fails pending calls', async () => {
    const store = open({ full: [0, 1, 2] });
    const asked = [execute(store, put()), store.cluster.ready()].map((promise) => watch(store, promise));
    await store.runtime.run(100);
    expect((await ending(store, store.cluster.close())).ms).toBeLessThan(SLACK_MS);
    expect(store.disks.map(({ owner }) => owner)).toEqual([undefined, undefined, undefined]);
    for (const { error, ms } of await store.runtime.settle(Promise.all(asked))) {
      expect(error).toMatchObject({ code: 'shutting-down', message: 'the store is closed' });
      expect(ms).toBeLessThan(200);
    }
  });

  it('serves if only one of the disks is full, and shows that node as not alive', async () => {
    const store = open({ full: [1] });
    expect(await ending(store, store.cluster.ready())).not.toHaveProperty('error');
    expect((await ending(store, execute(store, put()))).value).toMatchObject({ type: 'put' });
    expect(isAlive(store)).toEqual([true, false, true]);
    store.disks[1]!.isFull = false;
    expect(await store.runtime.until(() => isAlive(store)[1] === true)).toBe(true);
    await store.runtime.settle(store.cluster.close());
  });

  it('reports a disk failure that appears only once there is room', async () => {
    const store = open({ full: [0, 1, 2] });
    await ending(store, store.cluster.ready());
    for (const disk of store.disks) {
      disk.failure = new StorageFailure('input/output error');
      disk.isFull = false;
    }
    const { value } = await ending(store, execute(store, put()));
    const message = expect.stringContaining('node 0: input/output error') as string;
    expect(value).toMatchObject({ code: 'storage-failed', outcome: 'not_applied', message });
    expect((await ending(store, store.cluster.ready())).error).toMatchObject({ code: 'storage-failed', message });
    await store.runtime.settle(store.cluster.close());
  });
});

describe('a store whose disks fill up', () => {
  it('reports disk-full also for a write of unknown outcome', async () => {
    const store = open({});
    await ending(store, store.cluster.ready());
    for (const disk of store.disks) disk.isFull = true;
    const { value } = await ending(
      store,
      store.cluster.execute(put(), 300).then(({ answer }) => answer),
    );
    expect(value).toMatchObject({ ...isFull, code: 'timeout', outcome: 'unknown' });
    await store.runtime.settle(store.cluster.close());
  });
});

describe('recovering a node whose disk is full', () => {
  async function failed(): Promise<Opened> {
    const store = open({});
    await ending(store, store.cluster.ready());
    await store.runtime.settle(store.cluster.fail(0));
    store.disks[0]!.isFull = true;
    return store;
  }

  it('fails in time with the reason; the node starts by itself when there is room', async () => {
    const store = await failed();
    const { error, ms } = await ending(store, store.cluster.recover(0));
    expect(error).toMatchObject({ ...isFull, message: expect.stringContaining('node 0 waits') as string });
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + SLACK_MS);
    expect(isAlive(store)[0]).toBe(false);
    const again = watch(store, store.cluster.recover(0));
    store.disks[0]!.isFull = false;
    expect(await store.runtime.settle(again)).not.toHaveProperty('error');
    expect(isAlive(store)[0]).toBe(true);
    await store.runtime.settle(store.cluster.close());
  });

  it('fails when the node is failed meanwhile; the node can be recovered later', async () => {
    const store = await failed();
    const recovering = watch(store, store.cluster.recover(0));
    await store.runtime.run(100);
    expect((await ending(store, store.cluster.fail(0))).ms).toBeLessThan(SLACK_MS);
    expect((await store.runtime.settle(recovering)).error).toMatchObject({
      code: 'shutting-down',
      outcome: 'not_applied',
    });
    expect(store.disks[0]!.owner).toBeUndefined();
    store.disks[0]!.isFull = false;
    expect(await ending(store, store.cluster.recover(0))).not.toHaveProperty('error');
    expect(isAlive(store)[0]).toBe(true);
    await store.runtime.settle(store.cluster.close());
  });

  it('fails when the store is closed meanwhile', async () => {
    const store = await failed();
    const recovering = watch(store, store.cluster.recover(0));
    await store.runtime.run(100);
    await ending(store, store.cluster.close());
    expect((await store.runtime.settle(recovering)).error).toMatchObject({
      code: 'shutting-down',
      message: 'the store is closed',
    });
    expect(store.disks[0]!.owner).toBeUndefined();
  });
});

describe('a store whose disks open slowly', () => {
  it('operations wait for as long as one node after the other starts', async () => {
    const store = open({ openMs: (index) => (index + 1) * 0.9 * TIMEOUT_MS });
    const ready = watch(store, store.cluster.ready());
    expect((await ending(store, execute(store, put()))).value).toMatchObject({ type: 'put' });
    expect(await store.runtime.settle(ready)).not.toHaveProperty('error');
    await store.runtime.settle(store.cluster.close());
  });

  it('operations do not wait when no node starts', async () => {
    const store = open({ openMs: () => 10 * TIMEOUT_MS });
    const { value, ms } = await ending(store, execute(store, put()));
    expect(value).toMatchObject({ code: 'no-leader', outcome: 'not_applied' });
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + SLACK_MS);
    expect((await ending(store, store.cluster.ready())).error).toMatchObject({ code: 'no-leader' });
    await store.runtime.settle(store.cluster.close());
  });
});
