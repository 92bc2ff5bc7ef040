/** A node whose wall clock is off leads nothing that another node could lead. */
import { afterEach, describe, expect, it } from 'vitest';
import { groupOfShard } from '../../src/shard/index.js';
import { FORMER_PROTOCOL } from '../../src/shard/transport/protocol.js';
import { VirtualCluster, type VirtualClusterOptions } from '../support/virtual-cluster.js';

let cluster: VirtualCluster;
afterEach(async () => {
  for (const id of [...cluster.nodes.keys()]) await cluster.kill(id);
});

/** Every node leads the shards that prefer it. */
async function spread(options: VirtualClusterOptions = {}): Promise<void> {
  cluster = await VirtualCluster.start({ shards: 6, ...options });
  expect(await cluster.runtime.until(isSpread, 20_000)).toBe(true);
}

const preferred = (shard: number): number => cluster.node(1).topology()!.shards[shard]![0]!;
const isSpread = (): boolean => cluster.shards().every((shard) => cluster.leaders(shard).includes(preferred(shard)));
const ledBy = (id: number): number[] => cluster.shards().filter((shard) => cluster.leaders(shard).includes(id));

const offsets = (): (number | undefined)[] => [...cluster.nodes.values()].map((node) => node.status().clockOffsetMs);

describe('a node whose wall clock is off', () => {
  it.each([600, -600, 3_600_000])(
    'by %i ms hands its shards over, and gets them back when it is right again',
    async (ms) => {
      await spread();
      expect(ledBy(2).length).toBeGreaterThan(0);
      cluster.wallOffsets.set(2, ms);
      expect(await cluster.runtime.until(() => ledBy(2).length === 0 && cluster.everyShardHasALeader(), 5_000)).toBe(
        true,
      );
      // Nor do the others give any back while it lasts.
      for (let second = 0; second < 10; second++) {
        await cluster.runtime.run(1_000);
        expect(ledBy(2)).toEqual([]);
      }
      expect(Math.abs(cluster.node(2).status().clockOffsetMs! - ms)).toBeLessThan(50);
      cluster.wallOffsets.delete(2);
      expect(await cluster.runtime.until(isSpread, 20_000)).toBe(true);
      expect(Math.max(...offsets().map((offset) => Math.abs(offset!)))).toBeLessThan(50);
    },
  );

  it('by less than half a second keeps what it leads', async () => {
    await spread();
    cluster.wallOffsets.set(2, 450);
    await cluster.runtime.run(20_000);
    expect(isSpread()).toBe(true);
  });

  it('keeps what it leads if no other node can lead it, and is served', async () => {
    await spread();
    cluster.wallOffsets.set(2, 10_000);
    cluster.wallOffsets.set(3, -10_000);
    await cluster.runtime.until(() => ledBy(1).length === 6, 20_000);
    expect(ledBy(1)).toEqual(cluster.shards());
    await cluster.kill(1);
    expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
    await cluster.runtime.run(5_000);
    expect((await cluster.put('key', 'value')).type).toBe('put');
  });

  it('is not known among two nodes', async () => {
    await spread({ nodes: 2 });
    cluster.wallOffsets.set(2, 3_600_000);
    await cluster.runtime.run(20_000);
    expect(isSpread()).toBe(true);
    expect(offsets()).toEqual([undefined, undefined]);
  });

  it('is not known among builds that do not say what time it is', async () => {
    await spread({ protocols: new Map([[3, FORMER_PROTOCOL]]) });
    cluster.wallOffsets.set(2, 3_600_000);
    await cluster.runtime.run(10_000);
    expect(ledBy(2).length).toBeGreaterThan(0);
    expect(offsets()).toEqual([undefined, undefined, undefined]);
  });

  it('does not move replicated time of its shards', async () => {
    await spread({ shards: 1 });
    await cluster.put('key', 'value');
    const leader = cluster.leader(0);
    cluster.wallOffsets.set(leader, 3_600_000);
    await cluster.runtime.until(() => cluster.leader(0) !== leader, 5_000);
    expect(cluster.leader(0)).not.toBe(leader);
    await cluster.put('key', 'value');
    const replica = [...cluster.node(cluster.leader(0)).replicas()].find(({ id }) => id === groupOfShard(0))!;
    expect(Math.abs(replica.machine.replicatedTimeMs! - cluster.runtime.wallTime())).toBeLessThan(1_000);
  });
});
