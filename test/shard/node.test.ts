import { describe, expect, it } from 'vitest';
import { stringKey } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

describe('a cluster of nodes', () => {
  it('creates one topology, known to every node, with every shard placed and led', async () => {
    const cluster = await VirtualCluster.start({ nodes: 5, replicas: 3, shards: 8 });
    const topology = cluster.node(1).topology();
    expect(topology).toMatchObject({ clusterId: 'test-cluster', epoch: 1, shardCount: 8, replicas: 3 });
    for (const node of cluster.nodes.values()) expect(node.topology()).toEqual(topology);
    for (const replicas of topology!.shards) expect(new Set(replicas).size).toBe(3);
  });

  it('spreads leaders evenly within five seconds of its start', async () => {
    const cluster = await VirtualCluster.start({ nodes: 4, replicas: 3, shards: 16 });
    await cluster.runtime.run(5_000);
    const counts = [...cluster.nodes.keys()].map(
      (id) => cluster.shards().filter((s) => cluster.leader(s) === id).length,
    );
    expect(counts).toEqual([4, 4, 4, 4]);
  });

  it('stores, reads, overwrites and deletes', async () => {
    const cluster = await VirtualCluster.start();
    expect(await cluster.put('a', 'one')).toMatchObject({ type: 'put', created: true, version: 1, replayed: false });
    expect(await cluster.put('a', 'two')).toMatchObject({ type: 'put', created: false, version: 2 });
    expect(await cluster.text('a')).toBe('two');
    expect(await cluster.text('b')).toBeUndefined();
  });

  it('applies a write once per operation id, and answers the retry like the first attempt', async () => {
    const cluster = await VirtualCluster.start();
    const operationId = cluster.operationId();
    const first = await cluster.put('a', 'one', { operationId });
    await cluster.put('a', 'two');
    const again = await cluster.put('a', 'one', { operationId });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await cluster.text('a')).toBe('two');
  });

  it('brings all replicas to the same state', async () => {
    const cluster = await VirtualCluster.start({ nodes: 5, shards: 4 });
    for (let i = 0; i < 50; i++) await cluster.put(`key-${i}`, `value-${i}`);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    const keys = cluster.shards().map((shard) => cluster.replicas(shard)[0]!.keys);
    expect(keys.reduce((a, b) => a + b)).toBe(50);
  });

  it('continues to serve when the leader of a shard is killed, and lets it lead again when it returns', async () => {
    const cluster = await VirtualCluster.start();
    await cluster.put('a', 'one');
    const shard = cluster.shardOf('a');
    const victim = cluster.leader(shard);
    await cluster.kill(victim);
    expect(await cluster.text('a')).toBe('one');
    expect(await cluster.put('a', 'two')).toMatchObject({ type: 'put', version: 2 });
    expect(cluster.leader(shard)).not.toBe(victim);
    await cluster.startNode(victim);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    // It was the preferred leader, and is again.
    expect(await cluster.runtime.until(() => cluster.leaders(shard).includes(victim))).toBe(true);
    expect(await cluster.text('a')).toBe('two');
  });

  it('keeps everything when all nodes are killed at once and come back', async () => {
    const cluster = await VirtualCluster.start({ shards: 3 });
    for (let i = 0; i < 20; i++) await cluster.put(`key-${i}`, `value-${i}`);
    for (const id of [1, 2, 3]) await cluster.kill(id);
    for (const id of [1, 2, 3]) await cluster.startNode(id);
    for (let i = 0; i < 20; i++) expect(await cluster.text(`key-${i}`)).toBe(`value-${i}`);
  });

  it('ends in an error, never in a wrong absent, when too few replicas are alive', async () => {
    const cluster = await VirtualCluster.start();
    await cluster.put('a', 'one');
    const shard = cluster.shardOf('a');
    const [survivor, ...others] = [1, 2, 3].sort((x) => (x === cluster.leader(shard) ? -1 : 1));
    for (const id of others) await cluster.kill(id);
    const before = cluster.runtime.now();
    const read = await cluster.get('a', 'linearizable', 2_000);
    expect(read).toMatchObject({ type: 'refused', outcome: 'not_applied' });
    const write = await cluster.put('a', 'two', { deadlineMs: 2_000 });
    expect(write.type).toBe('refused');
    expect(cluster.runtime.now() - before).toBeLessThan(4_500);
    expect(survivor).toBeDefined();
    // The data was never lost.
    expect(await cluster.get('a', 'stale')).toMatchObject({ type: 'get', record: { version: 1 } });
    for (const id of others) await cluster.startNode(id);
    expect(['one', 'two']).toContain(await cluster.text('a'));
  });

  it('s48 never answers a read from a leader that was cut off', async () => {
    const cluster = await VirtualCluster.start();
    await cluster.put('a', 'old');
    const shard = cluster.shardOf('a');
    const deposed = cluster.leader(shard);
    const others = [1, 2, 3].filter((id) => id !== deposed);
    cluster.network.dropWhen((from, to) => (from === deposed) !== (to === deposed) && from <= 3 && to <= 3);
    // Straight to the old leader, while it still believes in itself, and after.
    const answers: unknown[] = [];
    const ask = (): void => {
      const operation = { type: 'get', key: stringKey('a'), consistency: 'linearizable' } as const;
      cluster.node(deposed).submit({ shard, budgetMs: 3_000, operation }, (reply) => answers.push(reply.answer.type));
    };
    ask();
    expect(await cluster.runtime.until(() => others.some((id) => cluster.node(id).leaderOf(shard) === id))).toBe(true);
    expect(await cluster.put('a', 'new')).toMatchObject({ type: 'put' });
    ask();
    await cluster.runtime.run(4_000);
    expect(answers).toEqual(['refused', 'refused']);
    cluster.network.dropWhen(undefined);
    expect(await cluster.text('a')).toBe('new');
  });
});

describe('quiescent groups', () => {
  it('s74 send no messages and stop ticking; pings continue; a write wakes them', async () => {
    const cluster = await VirtualCluster.start();
    await cluster.runtime.run(8_000);
    for (const shard of cluster.shards()) {
      for (const replica of cluster.replicas(shard)) expect(replica.raft.quiesced).toBe(true);
    }
    let raft = 0;
    let pings = 0;
    cluster.network.dropWhen((_from, _to, message) => {
      if (message.type === 'raft') raft++;
      if (message.type === 'ping') pings++;
      return false;
    });
    await cluster.runtime.run(5_000);
    expect(raft).toBe(0);
    expect(pings).toBeGreaterThan(100);
    expect(await cluster.put('a', 'one')).toMatchObject({ type: 'put' });
    expect(raft).toBeGreaterThan(0);
  });

  it('s74 elect another leader soon after theirs dies, however it dies', async () => {
    for (const silently of [false, true]) {
      // A seed in which the two survivors do not campaign at the same tick, which would split the vote.
      const cluster = await VirtualCluster.start({ seed: 2 });
      await cluster.runtime.run(8_000);
      const shard = 0;
      const victim = cluster.leader(shard);
      const died = cluster.runtime.now();
      if (silently) cluster.network.isolate(victim);
      else await cluster.kill(victim);
      const elected = (): boolean => cluster.leaders(shard).some((id) => id !== victim);
      expect(await cluster.runtime.until(elected, 2_000)).toBe(true);
      // Silence is detected after an election timeout; a broken link at once.
      expect(cluster.runtime.now() - died).toBeLessThan(silently ? 1_200 : 600);
    }
  });

  it('s74 elect another leader with lease reads, too, once the promise to a dead one has expired', async () => {
    for (const silently of [false, true]) {
      const cluster = await VirtualCluster.start({ leaseReads: true });
      await cluster.runtime.run(8_000);
      const shard = 0;
      const victim = cluster.leader(shard);
      if (silently) cluster.network.isolate(victim);
      else await cluster.kill(victim);
      const elected = (): boolean => cluster.leaders(shard).some((id) => id !== victim);
      expect(await cluster.runtime.until(elected, 3_000)).toBe(true);
    }
  });
});
