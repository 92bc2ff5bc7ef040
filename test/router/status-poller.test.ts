/** Which node leads, as shown to operators, over the links of a router that has sent no request yet. */
import { describe, expect, it } from 'vitest';
import { StatusPoller } from '../../src/router/admin/status-poller.js';
import { FakeBackend } from '../support/fake-backend.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

describe('the leader of a shard', () => {
  it('is known at once in a ready cluster, and a dead node is not named', async () => {
    const cluster = await VirtualCluster.start();
    const topology = cluster.backend.topology();
    if (topology === undefined) throw new Error('no topology');
    const poller = new StatusPoller(cluster.backend, 500);
    const leaderOf = (shard: number) => cluster.runtime.settle(poller.leaderOf(topology, shard));
    for (const shard of cluster.shards()) {
      expect(cluster.dispatcher.leaderOf(shard)).toBeUndefined();
      expect(await leaderOf(shard)).toBe(cluster.leader(shard));
    }
    const dead = cluster.leader(0);
    await cluster.kill(dead);
    expect(await leaderOf(0)).not.toBe(dead);
    const elected = await cluster.runtime.until(() => cluster.leaders(0).length === 1);
    expect([elected, await leaderOf(0)]).toEqual([true, cluster.leader(0)]);
  });

  it('is not waited for beyond the time given', async () => {
    const cluster = await VirtualCluster.start();
    const topology = cluster.backend.topology();
    if (topology === undefined) throw new Error('no topology');
    // The links are up, but no status arrives.
    cluster.network.dropWhen((_from, _to, { type }) => type === 'status');
    const before = cluster.runtime.now();
    const leader = cluster.runtime.settle(new StatusPoller(cluster.backend, 500).leaderOf(topology, 0));
    expect(await leader).toBeUndefined();
    expect(cluster.runtime.now() - before).toBeLessThan(600);
  });

  it('is polled once for concurrent callers', async () => {
    const backend = new FakeBackend();
    const poller = new StatusPoller(backend, 500);
    await Promise.all([poller.poll(), poller.poll(), poller.poll()]);
    expect(backend.rounds).toBe(1);
    await poller.poll();
    expect(backend.rounds).toBe(2);
  });
});
