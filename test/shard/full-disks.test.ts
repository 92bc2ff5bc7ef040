/** Nodes whose disks are full for a while: no replica leaves its group, reads continue, and writes resume once there is room. */
import { describe, expect, it } from 'vitest';
import { StorageFailure } from '../../src/raft/index.js';
import {
  STALL_PATIENCE_MS,
  silentLogger,
  stringKey,
  type Answer,
  type KvOperation,
  type Storage,
} from '../../src/shard/index.js';
import { HangingDisk } from '../support/hanging-disk.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const read = { type: 'get', key: stringKey('a'), consistency: 'linearizable' } as const;

/** Answer of the node itself, without a router. */
async function ask(cluster: VirtualCluster, id: number, shard: number, operation: KvOperation): Promise<Answer> {
  const answers: Answer[] = [];
  cluster.node(id).submit({ shard, budgetMs: 2_000, operation }, ({ answer }) => answers.push(answer));
  await cluster.runtime.until(() => answers.length > 0);
  return answers[0]!;
}

const putOf = (cluster: VirtualCluster): KvOperation => ({
  type: 'put',
  key: stringKey('a'),
  body: Buffer.from('x'),
  contentType: 'text/plain',
  condition: { type: 'none' },
  operationId: cluster.operationId(),
  attempt: 'initial',
});

describe('nodes whose disks are all full', () => {
  it('serve reads, refuse writes as not applied, and accept them again without a restart', async () => {
    const cluster = await VirtualCluster.start({ shards: 1 });
    await cluster.put('a', 'before');
    await cluster.runtime.run(1_000);
    for (const id of [1, 2, 3]) cluster.disk(id).isFull = true;
    const outcomeUnknown = await cluster.put('a', 'waits', { deadlineMs: 300 });
    expect(outcomeUnknown).toMatchObject({ type: 'refused', outcome: 'unknown' });
    // From here on the disks are known to be full: writes are refused at once.
    const startedAt = cluster.runtime.now();
    expect(await ask(cluster, cluster.leader(0), 0, putOf(cluster))).toMatchObject({ code: 'disk-full' });
    expect(cluster.runtime.now() - startedAt).toBeLessThan(50);
    await cluster.runtime.run(STALL_PATIENCE_MS + 500);
    const leader = cluster.leader(0);
    expect(cluster.node(leader).state()).toBe('serving');
    expect(cluster.node(leader).diskStall()).toMatchObject({ reason: 'disk-full' });
    expect(cluster.node(leader).status().roomWaitMs).toBeGreaterThan(STALL_PATIENCE_MS);
    expect(await ask(cluster, leader, 0, putOf(cluster))).toMatchObject({ code: 'disk-full', outcome: 'not_applied' });
    const refused = await cluster.put('b', 'never', { deadlineMs: 2_000 });
    expect(refused).toMatchObject({ type: 'refused', code: 'disk-full', outcome: 'not_applied' });
    expect(await cluster.text('a')).toBe('before');
    for (const id of [1, 2, 3]) cluster.disk(id).isFull = false;
    expect(await cluster.put('b', 'after')).toMatchObject({ type: 'put' });
    expect(await cluster.text('a')).toBe('waits');
    expect(await cluster.text('b')).toBe('after');
    for (const id of [1, 2, 3]) {
      expect(cluster.node(id).state()).toBe('serving');
      expect(cluster.node(id).diskStall()).toBeUndefined();
      expect(cluster.node(id).status().roomWaitMs).toBeUndefined();
    }
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  });

  it('delay writes rather than refuse them if there is room again soon', async () => {
    const cluster = await VirtualCluster.start({ shards: 1, nodes: 1 });
    cluster.disk(1).isFull = true;
    const put = cluster.startPut('a', 'x');
    await cluster.runtime.run(STALL_PATIENCE_MS / 2);
    cluster.disk(1).isFull = false;
    expect(await cluster.runtime.settle(put)).toMatchObject({ type: 'put' });
  });
});

describe('a node whose disk is full', () => {
  it('does not keep the others from serving; redirects to the leader; catches up when there is room', async () => {
    const cluster = await VirtualCluster.start({ shards: 1 });
    await cluster.put('a', 'before');
    const follower = [1, 2, 3].find((id) => id !== cluster.leader(0))!;
    cluster.disk(follower).isFull = true;
    for (let i = 0; i < 20; i++) expect(await cluster.put('a', `${i}`)).toMatchObject({ type: 'put' });
    await cluster.runtime.run(STALL_PATIENCE_MS + 100);
    const answer = await ask(cluster, follower, 0, putOf(cluster));
    expect(answer).toMatchObject({ code: 'disk-full', details: { leader: cluster.leader(0) } });
    expect(await cluster.put('a', 'through it')).toMatchObject({ type: 'put' });
    cluster.disk(follower).isFull = false;
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  });

  it.each([
    ['has no room', 'commits still wait for room: leadership is handed over'],
    ['hangs', 'the disk hangs: leadership is handed over'],
  ])('whose disk %s hands leadership over, and logs that this is why', async (what, message) => {
    const disk = new HangingDisk();
    const cluster = await VirtualCluster.start({ shards: 1, nodes: 1, storage: (_, storage) => disk.wrap(storage) });
    await cluster.kill(1);
    const warnings: string[] = [];
    const warn = (_: object, text: string): number => warnings.push(text);
    await cluster.startNode(1, cluster.clusterConfig, { logger: { ...silentLogger, warn } });
    if (what === 'hangs') disk.hang(true);
    else cluster.disk(1).isFull = true;
    void cluster.startPut('a', 'x');
    await cluster.runtime.run(3_000);
    expect(warnings.filter((text) => text.includes('handed over'))).toEqual([message]);
  });

  it('stops on request, without waiting for room', async () => {
    const cluster = await VirtualCluster.start({ shards: 1, nodes: 1 });
    const node = cluster.node(1);
    cluster.disk(1).isFull = true;
    const put = cluster.startPut('a', 'x');
    await cluster.runtime.run(STALL_PATIENCE_MS + 100);
    await cluster.runtime.settle(node.stop(0));
    expect(await cluster.runtime.settle(put)).toMatchObject({ type: 'refused', outcome: 'unknown' });
  });

  it('stops as promptly if only its last checkpoint finds no room', async () => {
    const cluster = await VirtualCluster.start({ shards: 1, nodes: 1 });
    await cluster.put('a', 'x');
    await cluster.runtime.run(1_000);
    cluster.disk(1).isFull = true;
    expect(cluster.node(1).diskStall()).toBeUndefined();
    const startedAt = cluster.runtime.now();
    await cluster.runtime.settle(cluster.node(1).stop(0));
    expect(cluster.runtime.now() - startedAt).toBeLessThan(500);
  });
});

describe('a node that has left its groups', () => {
  async function startBroken(error: Error) {
    const disk: { broken?: Error } = {};
    const wrap = (storage: Storage): Storage =>
      new Proxy(storage, {
        get: (target, name) => {
          const { broken } = disk;
          if (name === 'commit' && broken !== undefined) return () => Promise.reject(broken);
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
        },
      });
    const cluster = await VirtualCluster.start({ shards: 1, storage: (id, inner) => (id === 1 ? wrap(inner) : inner) });
    await cluster.put('a', 'before');
    disk.broken = error;
    for (let i = 0; i < 3; i++) await cluster.put('a', 'after');
    expect(await cluster.runtime.until(() => cluster.node(1).state() === 'failed')).toBe(true);
    return cluster;
  }

  for (const [error, code] of [
    [new StorageFailure('input/output error'), 'storage-failed'],
    [new Error('commit 7 of a group fell to 6'), 'internal'],
  ] as const) {
    it(`after "${error.message}" answers ${code} with outcome not_applied, and names no leader`, async () => {
      const cluster = await startBroken(error);
      for (const operation of [read, putOf(cluster)]) {
        expect(await ask(cluster, 1, 0, operation)).toMatchObject({ code, outcome: 'not_applied' });
      }
      expect(cluster.node(1).leaderOf(0)).toBeUndefined();
      expect(await cluster.put('a', 'x')).toMatchObject({ type: 'put' });
      expect(await cluster.text('a')).toBe('x');
    });
  }
});
