/** Who leads, as shown to operators, over the links of a router that has sent no request yet. */
import { describe, expect, it } from 'vitest';
import { StatusPoller } from '../../src/router/admin/status-poller.js';
import { FakeBackend } from '../support/fake-backend.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

describe('who leads a shard', () => {
  it('is known of a ready cluster at once, and a dead node is not named', async () => {
    const cluster = await VirtualCluster.start();
    const topology = cluster.backend.topology();
    if (topology === undefined) throw new Error('no topology');
    const asker = new StatusPoller(cluster.backend, 500);
    const told = (shard: number) => cluster.runtime.settle(asker.leaderOf(topology, shard));
    for (const shard of cluster.shards()) {
      expect(cluster.dispatcher.leaderOf(shard)).toBeUndefined();
      expect(await told(shard)).toBe(cluster.leader(shard));
    }
    const dead = cluster.leader(0);
    await cluster.kill(dead);
    expect(await told(0)).not.toBe(dead);
    const elected = await cluster.runtime.until(() => cluster.leaders(0).length === 1);
    expect([elected, await told(0)]).toEqual([true, cluster.leader(0)]);
  });

  it('is not waited for beyond the time given', async () => {
    const cluster = await VirtualCluster.start();
    const topology = cluster.backend.topology();
    if (topology === undefined) throw new Error('no topology');
    // The links stand, and nothing comes.
    cluster.network.dropWhen((_from, _to, { type }) => type === 'status');
    const before = cluster.runtime.now();
    const leader = cluster.runtime.settle(new StatusPoller(cluster.backend, 500).leaderOf(topology, 0));
    expect(await leader).toBeUndefined();
    expect(cluster.runtime.now() - before).toBeLessThan(600);
  });

  it('is polled once for concurrent callers', async () => {
    const backend = new FakeBackend();
    const asker = new StatusPoller(backend, 500);
    await Promise.all([asker.poll(), asker.poll(), asker.poll()]);
    expect(backend.rounds).toBe(1);
    await asker.poll();
    expect(backend.rounds).toBe(2);
  });
});
