/** Two processes of one node: a copy of its disk runs beside the original. */
import { describe, expect, it } from 'vitest';
import { isLater } from '../../src/shard/transport/duplicates.js';
import type { ShardNode } from '../../src/shard/node/node.js';
import type { MemoryTransport } from '../../src/shard/transport/memory.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const started = async (): Promise<VirtualCluster> => {
  const cluster = await VirtualCluster.start({ shards: 4 });
  await cluster.put('key', 'old');
  await cluster.runtime.run(1_000);
  return cluster;
};

const apart = ({ network }: VirtualCluster, ...pairs: readonly (readonly [number, number])[]): void => {
  for (const [a, b] of pairs) {
    network.cut(a, b);
    network.cut(b, a);
  }
};

/** The cluster serves with its three nodes, and holds every acknowledged write. */
async function serves(cluster: VirtualCluster, value: string): Promise<void> {
  expect([1, 2, 3].map((id) => cluster.node(id).state())).toEqual(['serving', 'serving', 'serving']);
  expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
  expect(await cluster.text('key')).toBe(value);
  expect(await cluster.put('key', `${value}, and more`)).toMatchObject({ type: 'put' });
  expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
}

const why = (node: ShardNode): string | undefined => node.status().failure;
const linked = (transport: MemoryTransport): number[] => [1, 2, 3].filter((id) => transport.link(id) !== undefined);

describe('a copy that is started beside the original', () => {
  for (const id of [1, 2, 3]) {
    it(`of node ${id} is refused by every node that it dials, and exits`, async () => {
      const cluster = await started();
      const copy = await cluster.startCopy(cluster.network.copy(id), cluster.copyDisk(id));
      await cluster.put('key', 'new');
      expect(await cluster.runtime.until(() => copy.state() === 'failed')).toBe(true);
      expect(why(copy)).toMatch(`refused this process: another one is alive as node ${id}`);
      await serves(cluster, 'new');
    });
  }

  it('sends no messages while it exits', async () => {
    const cluster = await started();
    const transport = cluster.network.copy(2);
    const copy = await cluster.startCopy(transport, cluster.copyDisk(2));
    await cluster.runtime.run(1_000);
    expect(linked(transport)).toEqual([]);
    expect(copy.status().groups.every(({ raft }) => raft.role !== 'leader')).toBe(true);
  });

  it('is accepted when the original is down, as any node that restarts', async () => {
    const cluster = await started();
    const disk = cluster.copyDisk(2);
    await cluster.kill(2);
    cluster.disks.set(2, disk);
    await cluster.startNode(2);
    await serves(cluster, 'old');
  });

  it('is accepted when the original is cut off from all: the original is refused when it reconnects', async () => {
    const cluster = await started();
    cluster.network.isolate(2);
    const transport = cluster.network.copy(2);
    const copy = await cluster.startCopy(transport, cluster.copyDisk(2));
    expect(await cluster.runtime.until(() => linked(transport).length === 2)).toBe(true);
    const original = cluster.node(2);
    cluster.network.heal();
    expect(await cluster.runtime.until(() => original.state() === 'failed')).toBe(true);
    await cluster.kill(2);
    await cluster.runtime.run(2_000);
    expect(copy.state()).toBe('serving');
    expect(await cluster.text('key')).toBe('old');
    await cluster.runtime.settle(copy.crash());
  });
});

describe('a copy that dials only nodes without a link to the original', () => {
  it('is refused by them, since they query the others', async () => {
    const cluster = await started();
    const transport = cluster.network.copy(2);
    apart(cluster, [2, 3], [transport.place, 1]);
    const copy = await cluster.startCopy(transport, cluster.copyDisk(2));
    expect(await cluster.runtime.until(() => copy.state() === 'failed')).toBe(true);
    expect(why(copy)).toMatch('node 3 refused this process');
    // Not even briefly: the first message over a link is a ping.
    expect(transport.stats().framesIn).toBe(0);
    cluster.network.heal();
    await serves(cluster, 'old');
  });

  it('is accepted after a while if the others do not answer', async () => {
    const cluster = await started();
    const transport = cluster.network.copy(2);
    apart(cluster, [2, 3], [transport.place, 1], [1, 3]);
    const copy = await cluster.startCopy(transport, cluster.copyDisk(2));
    const since = cluster.runtime.now();
    expect(await cluster.runtime.until(() => linked(transport).includes(3))).toBe(true);
    expect(cluster.runtime.now() - since).toBeLessThan(5_000);
    await cluster.runtime.settle(copy.crash());
  });

  it('is not delayed by a peer that stops answering just after the query', async () => {
    const cluster = await started();
    await cluster.kill(2);
    await cluster.runtime.run(2_000);
    apart(cluster, [1, 3], [1, 2]);
    const since = cluster.runtime.now();
    await cluster.startNode(2);
    expect(await cluster.runtime.until(() => cluster.node(3).status().alive.includes(2))).toBe(true);
    expect(cluster.runtime.now() - since).toBeLessThan(1_000);
  });

  /** The original can talk to node 1 only, the copy to node 3 only, and these two not to each other. */
  async function twoSides(): Promise<{ cluster: VirtualCluster; copy: ShardNode; transport: MemoryTransport }> {
    const cluster = await started();
    const transport = cluster.network.copy(2);
    apart(cluster, [2, 3], [transport.place, 1]);
    cluster.network.partition([[3, transport.place]]);
    const copy = await cluster.startCopy(transport, cluster.copyDisk(2));
    expect(await cluster.runtime.until(() => linked(transport).includes(3))).toBe(true);
    return { cluster, copy, transport };
  }

  it('and is linked there, is refused as soon as the two sides exchange messages', async () => {
    const { cluster, copy, transport } = await twoSides();
    cluster.network.partition([]);
    cluster.network.breakLink(1, 3);
    await cluster.runtime.run(500);
    expect(why(copy)).toMatch('node 3 refused this process');
    expect(linked(transport)).toEqual([]);
    cluster.network.heal();
    await serves(cluster, 'old');
  });

  it('stays if the other one was started after it: the later is refused by the nodes linked to it', async () => {
    const { cluster, copy } = await twoSides();
    await cluster.kill(2);
    const transport = cluster.network.copy(2);
    apart(cluster, [transport.place, 3]);
    const later = await cluster.startCopy(transport, cluster.disk(2));
    expect(await cluster.runtime.until(() => linked(transport).includes(1))).toBe(true);
    cluster.network.partition([]);
    cluster.network.breakLink(1, 3);
    await cluster.runtime.run(500);
    expect([why(later), why(copy)]).toEqual([expect.stringMatching('node 1 refused this process'), undefined]);
    await cluster.runtime.settle(copy.crash());
  });
});

describe('of two processes the later', () => {
  it('is the one that started later; at the same time, the choice is deterministic', () => {
    const one = { incarnation: 5, process: 9 };
    expect(isLater(one, { incarnation: 4, process: 10 })).toBe(true);
    expect(isLater(one, { incarnation: 6, process: 1 })).toBe(false);
    expect(isLater(one, { incarnation: 5, process: 8 })).toBe(true);
    expect(isLater(one, { incarnation: 5, process: 10 })).toBe(false);
  });
});
