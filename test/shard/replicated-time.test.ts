/** Replicated time of a shard, through real nodes: what becomes of it when wall clocks are set and leaders change. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupOfShard } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const HOUR_MS = 3_600_000;

let cluster: VirtualCluster;
beforeEach(async () => {
  cluster = await VirtualCluster.start({ shards: 1 });
});
afterEach(async () => {
  for (const id of [...cluster.nodes.keys()]) await cluster.kill(id);
});

const start = 1_700_000_000_000;

/** Replicated time of the shard after a write, less what the common clock says. */
async function aheadMs(): Promise<number> {
  const answer = await cluster.put('key', 'value');
  expect(answer.type).toBe('put');
  const now = start + cluster.runtime.now();
  const replica = [...cluster.node(cluster.leader(0)).replicas()].find(({ id }) => id === groupOfShard(0));
  return replica!.machine.replicatedTimeMs! - now;
}

async function restart(id: number): Promise<void> {
  if (cluster.nodes.has(id)) await cluster.kill(id);
  await cluster.startNode(id);
}

/** The leader is killed, and another one leads. */
async function replaceLeader(): Promise<number> {
  const former = cluster.leader(0);
  await cluster.kill(former);
  expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
  expect(cluster.leader(0)).not.toBe(former);
  return former;
}

/** What a write takes, and an entry on its way. */
const SOON_MS = 100;

describe('replicated time', () => {
  it('goes on while the wall clock of the leader is set ahead or back', async () => {
    expect(Math.abs(await aheadMs())).toBeLessThan(SOON_MS);
    for (const [step, toward] of [
      [HOUR_MS, 1],
      [-2 * HOUR_MS, -1],
    ] as const) {
      const before = await aheadMs();
      cluster.runtime.stepWall(step);
      await cluster.runtime.run(10_000);
      const after = await aheadMs();
      // A tenth of ten seconds, in the direction of the clock, and what the writes took.
      expect((after - before) * toward).toBeGreaterThan(1_000 - SOON_MS);
      expect((after - before) * toward).toBeLessThan(1_000 + SOON_MS);
    }
  });

  it('does not follow the wall clock of a new leader: nothing may fall due early', async () => {
    expect(Math.abs(await aheadMs())).toBeLessThan(SOON_MS);
    for (const { id } of cluster.clusterConfig.nodes)
      if (id !== cluster.leader(0)) cluster.wallOffsets.set(id, HOUR_MS);
    await cluster.runtime.run(20_000);
    await replaceLeader();
    const ahead = await aheadMs();
    expect(ahead).toBeLessThan(SOON_MS);
    expect(ahead).toBeGreaterThan(-SOON_MS);
  });

  it('goes on with elapsed time after a leader whose clock was ahead', async () => {
    for (const id of [1, 2, 3]) await cluster.kill(id);
    for (const id of [1, 2, 3]) cluster.wallOffsets.set(id, HOUR_MS);
    for (const id of [1, 2, 3]) await cluster.startNode(id);
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    expect(Math.abs((await aheadMs()) - HOUR_MS)).toBeLessThan(SOON_MS);
    cluster.wallOffsets.clear();
    await replaceLeader();
    await cluster.runtime.run(10_000);
    const ahead = await aheadMs();
    expect(ahead).toBeGreaterThan(HOUR_MS - 2_000);
    expect(ahead).toBeLessThan(HOUR_MS);
  });

  it('begins by the wall clock when no process remembers when the last entry came', async () => {
    await aheadMs();
    for (const id of [1, 2, 3]) await cluster.kill(id);
    cluster.runtime.stepWall(HOUR_MS);
    for (const id of [1, 2, 3]) await cluster.startNode(id);
    expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
    expect(Math.abs((await aheadMs()) - HOUR_MS)).toBeLessThan(SOON_MS);
  });

  it('does not begin by the wall clock at a restarted node that has got an entry since', async () => {
    await aheadMs();
    const leader = cluster.leader(0);
    for (const id of [1, 2, 3]) if (id !== leader) cluster.wallOffsets.set(id, HOUR_MS);
    for (const id of [1, 2, 3]) if (id !== leader) await restart(id);
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    await aheadMs();
    await cluster.runtime.run(1_000);
    await replaceLeader();
    expect(Math.abs(await aheadMs())).toBeLessThan(2 * SOON_MS);
  });
});
