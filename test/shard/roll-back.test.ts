/** Nodes whose disks are rolled back: restored from a copy, or emptied. */
import { describe, expect, it } from 'vitest';
import { VirtualCluster } from '../support/virtual-cluster.js';

const inQuarantine = (cluster: VirtualCluster, id: number): boolean =>
  cluster.node(id).status().quarantine !== undefined;

async function untilCounted(cluster: VirtualCluster, id: number): Promise<void> {
  expect(await cluster.runtime.until(() => !inQuarantine(cluster, id))).toBe(true);
}

/** Three nodes; the disk of node 3 is what it was before `key` was written with node 2 cut off; node 1 is away. */
async function rolledBack(): Promise<VirtualCluster> {
  const cluster = await VirtualCluster.start({ shards: 1 });
  await cluster.put('key', 'old');
  const copy = cluster.copyDisk(3);
  for (let i = 0; i < 5; i++) await cluster.put(`other-${i}`, 'x');
  await cluster.runtime.run(1_000);
  cluster.network.partition([[2]]);
  expect(await cluster.runtime.until(() => cluster.leaders(0).some((id) => id !== 2))).toBe(true);
  expect(await cluster.put('key', 'new')).toMatchObject({ type: 'put' });
  await cluster.kill(1);
  await cluster.replaceDisk(3, copy);
  cluster.network.heal();
  return cluster;
}

describe('s60 a node whose disk was restored from a copy', () => {
  it('elects no leader that lacks what it acknowledged: the write is there when the third is back', async () => {
    const cluster = await rolledBack();
    await cluster.startNode(3);
    await cluster.runtime.run(20_000);
    expect(await cluster.get('key')).toMatchObject({ type: 'refused' });
    expect(inQuarantine(cluster, 3)).toBe(true);
    expect(cluster.node(3).status().quarantine).toMatch(/journal ended at row \d+, and row \d+ was seen/);
    await cluster.startNode(1);
    await untilCounted(cluster, 3);
    expect(await cluster.text('key')).toBe('new');
    // It counts again: with node 1 away for good, two of three serve.
    await cluster.kill(1);
    expect(await cluster.put('key', 'newer')).toMatchObject({ type: 'put' });
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  });

  it('stays in quarantine over a restart, until its replicas were released', async () => {
    const cluster = await rolledBack();
    await cluster.startNode(3);
    await cluster.runtime.run(5_000);
    await cluster.kill(3);
    await cluster.kill(2);
    // The peer that detected the roll-back is down; the quarantine is stored.
    await cluster.startNode(3);
    expect(inQuarantine(cluster, 3)).toBe(true);
    await cluster.startNode(2);
    await cluster.runtime.run(20_000);
    expect(inQuarantine(cluster, 3)).toBe(true);
    expect(await cluster.get('key')).toMatchObject({ type: 'refused' });
    await cluster.startNode(1);
    await untilCounted(cluster, 3);
    expect(await cluster.text('key')).toBe('new');
  });

  it('is detected by a peer that crashed a second after it received the lost position', async () => {
    const cluster = await VirtualCluster.start({ shards: 1 });
    await cluster.runtime.run(2_000);
    cluster.network.partition([[2]]);
    expect(await cluster.runtime.until(() => cluster.leaders(0).some((id) => id !== 2))).toBe(true);
    const copy = cluster.copyDisk(3);
    expect(await cluster.put('key', 'new')).toMatchObject({ type: 'put' });
    await cluster.runtime.run(1_500);
    await cluster.kill(1);
    await cluster.replaceDisk(3, copy);
    await cluster.startNode(1);
    await cluster.startNode(3);
    expect(await cluster.runtime.until(() => inQuarantine(cluster, 3))).toBe(true);
    expect(cluster.node(3).status().quarantine).toMatch(/journal ended at row \d+, and row \d+ was seen/);
  });

  it('catches up under the leader that counted its acknowledgements before', async () => {
    const cluster = await VirtualCluster.start({ shards: 1 });
    await cluster.put('key', 'old');
    const follower = [1, 2, 3].find((id) => id !== cluster.leader(0))!;
    const copy = cluster.copyDisk(follower);
    for (let i = 0; i < 5; i++) await cluster.put('key', `new ${i}`);
    await cluster.runtime.run(1_000);
    await cluster.replaceDisk(follower, copy);
    await cluster.startNode(follower);
    expect(inQuarantine(cluster, follower)).toBe(true);
    await untilCounted(cluster, follower);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    expect(await cluster.text('key')).toBe('new 4');
  });
});

describe('s60 a node that starts with an empty folder under an id that was used', () => {
  it('catches up before it counts, and then counts', async () => {
    const cluster = await VirtualCluster.start({ shards: 4 });
    for (let i = 0; i < 20; i++) await cluster.put(`key-${i}`, 'value');
    await cluster.replaceDisk(2);
    await cluster.startNode(2);
    expect(cluster.node(2).status().quarantine).toMatch(/was seen/);
    await untilCounted(cluster, 2);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    await cluster.kill(1);
    for (let i = 0; i < 20; i++) expect(await cluster.text(`key-${i}`)).toBe('value');
  });

  it('gives no vote by which a write that the third holds would be lost', async () => {
    const cluster = await VirtualCluster.start({ shards: 1 });
    cluster.network.partition([[2]]);
    expect(await cluster.runtime.until(() => cluster.leaders(0).some((id) => id !== 2))).toBe(true);
    expect(await cluster.put('key', 'value')).toMatchObject({ type: 'put' });
    await cluster.kill(1);
    await cluster.replaceDisk(3);
    cluster.network.heal();
    await cluster.startNode(3);
    await cluster.runtime.run(20_000);
    expect(await cluster.get('key')).toMatchObject({ type: 'refused' });
    await cluster.startNode(1);
    expect(await cluster.text('key')).toBe('value');
  });
});

describe('a node that is restarted with its own disk', () => {
  it('is never detected as rolled back', async () => {
    const cluster = await VirtualCluster.start({ shards: 2 });
    for (let round = 0; round < 4; round++) {
      for (const id of [1, 2, 3]) {
        await cluster.put('key', `${round}`);
        await cluster.kill(id);
        await cluster.startNode(id);
        await cluster.runtime.run(1_000);
        for (const each of [1, 2, 3]) expect(inQuarantine(cluster, each)).toBe(false);
      }
    }
  });
});

describe('s60 a node that is started with trustDataFolder', () => {
  const trusted = { trustDataFolder: true };

  /** These nodes are started once with empty folders (volumes that were not mounted), then with their own again. */
  async function startedEmpty(cluster: VirtualCluster, ids: readonly number[]): Promise<void> {
    const own = ids.map((id) => cluster.disk(id));
    for (const id of ids) await cluster.kill(id);
    for (const id of ids) await cluster.replaceDisk(id);
    for (const id of ids) await cluster.startNode(id);
    await cluster.runtime.run(2_000);
    for (const id of ids) await cluster.kill(id);
    for (const [i, id] of ids.entries()) {
      cluster.disks.set(id, own[i]!);
      await cluster.startNode(id);
    }
    await cluster.runtime.run(10_000);
  }

  async function serves(cluster: VirtualCluster): Promise<void> {
    expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
    expect(await cluster.text('key')).toBe('value');
    expect(await cluster.put('key', 'value')).toMatchObject({ type: 'put' });
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  }

  it('counts again although no other replica can release it, and releases the next', async () => {
    const cluster = await VirtualCluster.start({ shards: 2 });
    await cluster.put('key', 'value');
    await startedEmpty(cluster, [2, 3]);
    expect([2, 3].map((id) => inQuarantine(cluster, id))).toEqual([true, true]);
    expect(await cluster.get('key')).toMatchObject({ type: 'refused' });
    await cluster.kill(2);
    await cluster.startNode(2, cluster.clusterConfig, trusted);
    await serves(cluster);
    for (const id of [2, 3]) await untilCounted(cluster, id);
    // Once is enough.
    for (const id of [1, 2, 3]) await cluster.kill(id);
    for (const id of [1, 2, 3]) await cluster.startNode(id);
    await serves(cluster);
    expect([1, 2, 3].map((id) => inQuarantine(cluster, id))).toEqual([false, false, false]);
  });

  it.each([1, 2])('counts again where its shards have %i replicas', async (replicas) => {
    const cluster = await VirtualCluster.start({ shards: 8, nodes: 2, replicas });
    await cluster.put('key', 'value');
    await startedEmpty(cluster, [2]);
    expect(inQuarantine(cluster, 2)).toBe(true);
    await cluster.kill(2);
    await cluster.startNode(2, cluster.clusterConfig, trusted);
    await untilCounted(cluster, 2);
    await serves(cluster);
  });

  it('is still released by its leader where there is one: trusting it loses no write', async () => {
    const cluster = await rolledBack();
    await cluster.startNode(1);
    await cluster.startNode(3, cluster.clusterConfig, trusted);
    expect(inQuarantine(cluster, 3)).toBe(true);
    await untilCounted(cluster, 3);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    expect(await cluster.text('key')).toBe('new');
  });
});
