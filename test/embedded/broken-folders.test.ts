/** Embedded stores with nodes that cannot start: the others serve, errors say why, and a recovered node serves again. */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedCluster } from '../../src/embedded/cluster.js';
import { checkOptions } from '../../src/embedded/options.js';
import { DistributedKeyValueStore, KvorumError } from '../../src/index.js';
import { StorageFailure } from '../../src/raft/index.js';
import { MemoryDisk, MemoryStorage, loadHash, stringKey, type KvOperation } from '../../src/shard/index.js';
import { freshFolder, removeFoldersAfterEach } from '../raft/storage/support/builders.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(KvorumError);
  return error;
}

/** The error that users see when nodes could not start, the first of which is `node`. */
function cannotStart(node: number, cause: string, why: RegExp) {
  const message = expect.stringMatching(new RegExp(`node ${node}: .*${why.source}`)) as string;
  const causedBy = expect.objectContaining({ name: cause }) as Error;
  return { code: 'storage-failed', outcome: 'not_applied', message, cause: causedBy };
}

const damaged = (node: number) => cannotStart(node, 'StorageCorruption', /not a database/);
const inUse = (node: number) => cannotStart(node, 'StorageFailure', /data folder in use/);

describe('a store with a data folder that cannot be opened', () => {
  const stores: DistributedKeyValueStore[] = [];
  removeFoldersAfterEach();
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((kvs) => kvs.close()));
  });

  function open(dataDir: string, timeoutMs = 10_000): DistributedKeyValueStore {
    const kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 2, dataDir, timeoutMs });
    stores.push(kvs);
    return kvs;
  }

  /** A folder that holds one value, and damaged journals for `nodes`. `repair` puts one back. */
  async function folderWith(...nodes: number[]) {
    const dataDir = freshFolder();
    const kvs = open(dataDir);
    await kvs.ready();
    await kvs.put('k', 'v');
    await kvs.close();
    const journal = (node: number): string => join(dataDir, `n${node + 1}`, 'journal.db');
    for (const node of nodes) {
      renameSync(journal(node), join(dataDir, `kept-${node}`));
      writeFileSync(journal(node), 'garbage '.repeat(1_000));
    }
    const repair = (node: number): void => {
      renameSync(join(dataDir, `kept-${node}`), journal(node));
    };
    return { dataDir, repair };
  }

  const alive = (kvs: DistributedKeyValueStore): boolean[] => kvs.status().nodes.map((node) => node.alive);

  it('serves when one of three is damaged; ready() reports that node, and it serves again once repaired', async () => {
    const { dataDir, repair } = await folderWith(1);
    const kvs = open(dataDir);
    expect(await failureOf(kvs.ready())).toMatchObject(damaged(1));
    expect(await kvs.get('k')).toBe('v');
    await kvs.put('k', 'w');
    expect(alive(kvs)).toEqual([true, false, true]);
    await kvs.simulateNodeFailure(1);
    expect(await failureOf(kvs.recoverNode(1))).toMatchObject(damaged(1));
    expect(await failureOf(kvs.ready())).toMatchObject(damaged(1));

    repair(1);
    await kvs.recoverNode(1);
    await kvs.ready();
    expect(alive(kvs)).toEqual([true, true, true]);
    await kvs.simulateNodeFailure(0);
    expect(await kvs.get('k')).toBe('w');
  });

  it('recovers the node when its folder was moved away', async () => {
    const { dataDir } = await folderWith(1);
    const kvs = open(dataDir);
    expect(await kvs.get('k')).toBe('v');
    renameSync(join(dataDir, 'n2'), join(dataDir, 'moved'));
    await kvs.recoverNode(1);
    await kvs.ready();
    expect(alive(kvs)).toEqual([true, true, true]);
    expect(readdirSync(join(dataDir, 'n2'))).toContain('journal.db');
    expect(await kvs.get('k')).toBe('v');
  });

  it('reports to every caller which nodes failed and why when two of three are damaged; recovering one is enough to serve', async () => {
    const { dataDir, repair } = await folderWith(0, 1);
    const kvs = open(dataDir, 3_000);
    // Either node may be reported: the error does not wait for the other.
    expect(await failureOf(kvs.ready())).toMatchObject({
      ...damaged(0),
      message: expect.stringMatching(/^node [01]: /) as string,
    });
    const asked = [kvs.get('k'), kvs.put('k', 'w'), kvs.delete('k')].map(failureOf);
    for (const error of await Promise.all(asked)) {
      expect(error).toMatchObject(damaged(0));
      expect((error as Error).message).toContain('node 1 could not start either');
    }
    expect(alive(kvs)).toEqual([false, false, true]);
    repair(1);
    await kvs.recoverNode(1);
    expect(await kvs.get('k')).toBe('v');
    expect(await failureOf(kvs.ready())).toMatchObject(damaged(0));
    expect(await failureOf(kvs.recoverNode(0))).toMatchObject(damaged(0));
  });

  it('all of whose folders are in use by another store reports that, and serves once they are free and recovered', async () => {
    const { dataDir } = await folderWith();
    const first = open(dataDir);
    await first.ready();
    const kvs = open(dataDir);
    for (const ask of [() => kvs.get('k'), () => kvs.put('k', 'w'), () => kvs.ready()]) {
      expect(await failureOf(ask())).toMatchObject(inUse(0));
    }
    expect(await failureOf(kvs.recoverNode(2))).toMatchObject(inUse(2));
    expect(alive(kvs)).toEqual([false, false, false]);
    expect(await first.get('k')).toBe('v');
    await first.close();
    for (const node of [0, 1, 2]) await kvs.recoverNode(node);
    await kvs.ready();
    expect(await kvs.get('k')).toBe('v');
  });

  it('closes without an error', async () => {
    const { dataDir, repair } = await folderWith(1);
    const kvs = open(dataDir);
    expect(await failureOf(kvs.ready())).toMatchObject(damaged(1));
    await kvs.close();
    repair(1);
    await open(dataDir).ready();
  });
});

const TIMEOUT_MS = 2_000;
/** The router checks deadlines every 10 ms. */
const SLACK_MS = 20;

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

/** Three nodes in virtual time; the disks of `held` are in use by another store. Opening a node's disk takes `openMs`. */
function start(held: readonly number[], openMs: (index: number) => number = () => 0) {
  const runtime = new VirtualRuntime();
  const disks = [0, 1, 2].map(() => new MemoryDisk());
  for (const index of held) disks[index]!.owner = new MemoryStorage(disks[index]!);
  const cluster = new EmbeddedCluster(checkOptions({ nodes: 3, shards: 2, timeoutMs: TIMEOUT_MS }), {
    runtime,
    storage: (index) => {
      const storage = new MemoryStorage(disks[index]!);
      const opening = storage.open.bind(storage);
      storage.open = () => new Promise<void>((resolve) => runtime.after(openMs(index), resolve)).then(opening);
      return storage;
    },
    closed: () => Promise.resolve(),
  });
  /** How the promise settles, and after how many virtual ms. */
  const ending = (promise: Promise<unknown>) => {
    const startedAt = runtime.now();
    const end = (ended: { value?: unknown; error?: unknown }) => ({ ...ended, ms: runtime.now() - startedAt });
    const ends = promise.then(
      (value) => end({ value }),
      (error: unknown) => end({ error }),
    );
    return runtime.settle(ends, 60_000);
  };
  const execute = async (operation: KvOperation) => {
    const { answer, cause } = await cluster.execute(operation, TIMEOUT_MS);
    return { ...answer, cause };
  };
  return { runtime, disks, cluster, ending, execute };
}

describe('in virtual time, a store', () => {
  beforeAll(loadHash);

  it('none of whose nodes can start fails all operations at once, also those already waiting', async () => {
    const { cluster, ending, execute } = start([0, 1, 2], () => 100);
    const first = ending(execute(put()));
    expect(await first).toMatchObject({ value: inUse(0), ms: expect.toSatisfy((ms) => ms <= 110) as number });
    for (const operation of [get, put()]) {
      const { value, ms } = await ending(execute(operation));
      expect(value).toMatchObject(inUse(0));
      expect(value).toMatchObject({
        message: expect.stringContaining('; nodes 1, 2 could not start either') as string,
      });
      expect(ms).toBeLessThanOrEqual(SLACK_MS);
    }
    expect(await ending(cluster.ready())).toMatchObject({ error: inUse(0), ms: 0 });
    expect((await ending(cluster.fail(1))).error).toBeUndefined();
    expect((await ending(cluster.close())).ms).toBeLessThan(SLACK_MS);
  });

  it('most of whose nodes cannot start fails operations within the timeout, which includes the time of opening', async () => {
    const { disks, cluster, runtime, ending, execute } = start([0, 1], () => TIMEOUT_MS / 2);
    for (const operation of [put(), get]) {
      const { value, ms } = await ending(execute(operation));
      expect(value).toMatchObject(inUse(0));
      expect(ms).toBeLessThanOrEqual(TIMEOUT_MS + SLACK_MS);
    }
    disks[1]!.owner = undefined;
    expect((await ending(cluster.recover(1))).error).toBeUndefined();
    expect(await runtime.until(() => cluster.status().shardsWithLeader === 2)).toBe(true);
    expect((await ending(execute(put()))).value).toMatchObject({ type: 'put' });
    await ending(cluster.close());
  });

  it('ready() reports at once that a node could not start while others still start, and waits for these to serve', async () => {
    const { cluster, ending, execute } = start([1], (index) => [0.9, 0, 1.8][index]! * TIMEOUT_MS);
    const { error, ms } = await ending(cluster.ready());
    expect(error).toMatchObject(inUse(1));
    expect(ms).toBeLessThanOrEqual(SLACK_MS);
    expect((await ending(execute(put()))).value).toMatchObject({ type: 'put' });
    await ending(cluster.close());
  });

  it('applies changes to a node that could not start in the order of the calls', async () => {
    const { disks, cluster, runtime, ending } = start([1], () => 50);
    await ending(cluster.ready());
    await runtime.run(500);
    const ends: string[] = [];
    const note = (what: string, change: Promise<void>): Promise<unknown> =>
      change.then(
        () => ends.push(what),
        (error: unknown) => ends.push(`${what}: ${(error as KvorumError).code}`),
      );
    const changes = [
      note('recover', cluster.recover(1)),
      note('fail', cluster.fail(1)),
      note('recover again', cluster.recover(1)),
    ];
    await runtime.run(75);
    disks[1]!.owner = undefined;
    await ending(Promise.all(changes));
    expect(ends).toEqual(['recover: storage-failed', 'fail', 'recover again']);
    expect(cluster.status().nodes[1]?.alive).toBe(true);
    expect((await ending(cluster.ready())).error).toBeUndefined();
    await ending(cluster.close());
  });

  it('recovers a node whose disk failed while it ran', async () => {
    const { disks, cluster, runtime, ending, execute } = start([]);
    await ending(cluster.ready());
    disks[0]!.failure = new StorageFailure('input/output error');
    await ending(execute(put()));
    expect(await runtime.until(() => cluster.status().nodes[0]?.alive === false)).toBe(true);
    disks[0]!.failure = undefined;
    expect((await ending(cluster.recover(0))).error).toBeUndefined();
    expect(cluster.status().nodes[0]?.alive).toBe(true);
    expect((await ending(cluster.ready())).error).toBeUndefined();
    await ending(cluster.close());
  });
});
