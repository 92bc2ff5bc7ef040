/** Embedded stores whose disks hang: closing a store, or failing a node, settles in time. */
import { beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedCluster } from '../../src/embedded/cluster.js';
import { checkOptions } from '../../src/embedded/options.js';
import { SqliteStorage, loadHash } from '../../src/shard/index.js';
import { freshFolder, removeFoldersAfterEach } from '../raft/storage/support/builders.js';
import { turns } from '../raft/storage/support/faulty-files.js';
import { InlineWorker } from '../raft/storage/support/inline-worker.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

/** As documented at `close`. */
const CLOSE_MS = 10_000;
const FAIL_MS = 3_000;
const TIMEOUT_MS = 2_000;

beforeAll(loadHash);

/** Three nodes in virtual time, each with a storage thread that can hang. */
async function start() {
  const runtime = new VirtualRuntime();
  const workers = [0, 1, 2].map(() => new InlineWorker());
  const folder = freshFolder();
  const cluster = new EmbeddedCluster(checkOptions({ nodes: 3, shards: 2, timeoutMs: TIMEOUT_MS }), {
    runtime,
    storage: (index) =>
      new SqliteStorage({
        directory: `${folder}/n${index + 1}`,
        worker: workers[index]!,
        after: (ms, task) => {
          const timer = runtime.after(ms, task);
          return () => {
            timer.cancel();
          };
        },
      }),
    closed: () => Promise.resolve(),
  });
  const store = { runtime, workers, cluster };
  await ending(store, cluster.ready());
  return store;
}

type Started = Awaited<ReturnType<typeof start>>;

/** How the promise settles, and after how many virtual ms: 10 of them pass in a turn of the event loop, in which the storages work. */
async function ending({ runtime }: Pick<Started, 'runtime'>, promise: Promise<unknown>) {
  const startedAt = runtime.now();
  let end: { error: unknown; ms: number } | undefined;
  promise.then(
    () => (end = { error: undefined, ms: runtime.now() - startedAt }),
    (error: unknown) => (end = { error, ms: runtime.now() - startedAt }),
  );
  for (let i = 0; i < 6_000 && end === undefined; i++) {
    await turns(2);
    await runtime.run(10);
  }
  if (end === undefined) throw new Error('it never came to an end');
  return end;
}

const hang = ({ workers }: Started): void => {
  for (const worker of workers) worker.isPaused = true;
};

const hung = { code: 'storage-failed', message: expect.stringMatching(/^node \d: the disk hangs: /) as string };

describe('a store whose disks hang', () => {
  removeFoldersAfterEach();

  it('closes in time, with an error', async () => {
    const store = await start();
    hang(store);
    const { error, ms } = await ending(store, store.cluster.close());
    expect(error).toMatchObject(hung);
    expect(ms).toBeLessThan(CLOSE_MS);
  });

  it('closes in time when only one node hangs, and the other nodes without an error', async () => {
    const store = await start();
    store.workers[1]!.isPaused = true;
    const { error, ms } = await ending(store, store.cluster.close());
    expect(error).toMatchObject({ ...hung, message: expect.stringContaining('node 1: ') as string });
    expect(ms).toBeLessThan(CLOSE_MS);
  });

  it('fails a node in time, and can be closed after that', async () => {
    const store = await start();
    hang(store);
    const { error, ms } = await ending(store, store.cluster.fail(0));
    expect(error).toBeUndefined();
    expect(ms).toBeLessThanOrEqual(FAIL_MS + 10);
    expect(store.cluster.status().nodes[0]?.alive).toBe(false);
    expect((await ending(store, store.cluster.close())).ms).toBeLessThan(CLOSE_MS);
  });

  it('reports in time that a node cannot be recovered; it starts by itself once its disk answers', async () => {
    const store = await start();
    await ending(store, store.cluster.fail(0));
    hang(store);
    const { error, ms } = await ending(store, store.cluster.recover(0));
    expect(error).toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('node 0 has not started') as string,
    });
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + 10);
    for (const worker of store.workers) worker.resume();
    expect((await ending(store, store.cluster.ready())).error).toBeUndefined();
    expect((await ending(store, store.cluster.recover(0))).error).toBeUndefined();
    expect(store.cluster.status().nodes[0]?.alive).toBe(true);
    expect((await ending(store, store.cluster.close())).error).toBeUndefined();
  });

  it('fails a node in time whose start hangs; changes are applied in the order of the calls', async () => {
    const store = await start();
    await ending(store, store.cluster.fail(0));
    hang(store);
    const recovering = ending(store, store.cluster.recover(0));
    const failing = ending(store, store.cluster.fail(0));
    const again = ending(store, store.cluster.recover(0));
    expect((await recovering).error).toMatchObject({ code: 'storage-failed' });
    const { error, ms } = await failing;
    expect(error).toBeUndefined();
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + FAIL_MS + 20);
    expect((await again).error).toMatchObject({ code: 'storage-failed' });
    for (const worker of store.workers) worker.resume();
    expect((await ending(store, store.cluster.recover(0))).error).toBeUndefined();
    expect((await ending(store, store.cluster.close())).error).toBeUndefined();
  });

  it('fails a node in time after several requested starts, all of which hang', async () => {
    const store = await start();
    await ending(store, store.cluster.fail(0));
    hang(store);
    const recovering = [1, 2, 3].map(() => ending(store, store.cluster.recover(0)));
    const { error, ms } = await ending(store, store.cluster.fail(0));
    expect(error).toBeUndefined();
    expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + FAIL_MS + 40);
    for (const end of await Promise.all(recovering)) expect(end.error).toMatchObject({ code: 'storage-failed' });
    for (const worker of store.workers) worker.resume();
    // The start that hung still has to open and close its files.
    await turns(20);
    expect((await ending(store, store.cluster.recover(0))).error).toBeUndefined();
    expect((await ending(store, store.cluster.close())).error).toBeUndefined();
  });

  it('closes in time while a failed node is being recovered', async () => {
    const store = await start();
    expect((await ending(store, store.cluster.fail(0))).error).toBeUndefined();
    hang(store);
    const recovering = ending(store, store.cluster.recover(0));
    const { ms } = await ending(store, store.cluster.close());
    expect(ms).toBeLessThan(CLOSE_MS);
    expect((await recovering).error).toMatchObject({ code: 'shutting-down' });
  });
});
