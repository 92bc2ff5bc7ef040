/** The cluster uid and the feature level: when they are committed, and which processes they exclude. */
import { afterEach, describe, expect, test } from 'vitest';
import type { MemoryDisk } from '../../src/shard/index.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { FORMER_PROTOCOL, PROTOCOL } from '../../src/shard/transport/protocol.js';
import type { Topology } from '../../src/shard/cluster/topology.js';
import type { MemoryTransport } from '../../src/shard/transport/memory.js';
import type { HelloExtension } from '../../src/shard/transport/wire-hello.js';
import { VirtualCluster, type VirtualClusterOptions } from '../support/virtual-cluster.js';

let cluster: VirtualCluster;
const start = async (options: VirtualClusterOptions = {}): Promise<VirtualCluster> =>
  (cluster = await VirtualCluster.start({ shards: 2, ...options }));
afterEach(async () => {
  for (const id of [...cluster.nodes.keys()]) await cluster.kill(id);
});

const topologies = (of = cluster): (Topology | undefined)[] => [...of.nodes.values()].map((node) => node.topology());
const uids = (of = cluster): Set<string | undefined> => new Set(topologies(of).map((topology) => topology?.clusterUid));
const settled = (of = cluster): Promise<boolean> =>
  of.runtime.until(() => uids(of).size === 1 && !uids(of).has(undefined));

const uidOf = (id: number): string | undefined => cluster.node(id).topology()?.clusterUid;
/** All three nodes run the former build. */
const formerProtocols = () => new Map([1, 2, 3].map((id) => [id, FORMER_PROTOCOL]));

/** A cluster of `nodes` nodes, of which only `ids` are started. */
async function incomplete(ids = [1, 2], seed = 1, nodes = 3): Promise<VirtualCluster> {
  await loadHash();
  const made = new VirtualCluster({ shards: 2, seed, nodes });
  await made.backend.start();
  for (const id of ids) await made.startNode(id);
  return made;
}

/** Starts the node with the same id of another cluster in its place, for ten seconds. @returns restarts the node itself */
async function replaceByStray(id: number, other: VirtualCluster): Promise<() => Promise<void>> {
  const { disks } = cluster;
  const ours = disks.get(id)!;
  const startOn = async (disk: MemoryDisk): Promise<void> => {
    await cluster.kill(id);
    disks.set(id, disk);
    await cluster.startNode(id);
  };
  await startOn(other.disks.get(id)!);
  await cluster.runtime.run(10_000);
  return () => startOn(ours);
}

/** Joins as node or router with any extension, to send arbitrary messages. */
const forger = async (transport: MemoryTransport, extension: HelloExtension = {}): Promise<MemoryTransport> => {
  await transport.start({ onMessages: () => undefined, onLink: () => undefined, helloTo: () => extension });
  await cluster.runtime.run(50);
  return transport;
};

describe('the cluster uid', () => {
  test('is generated once, and every node has it', async () => {
    await start();
    expect(await settled()).toBe(true);
    const [uid] = uids();
    expect(uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(cluster.node(2).clusterFeatureLevel()).toBe(PROTOCOL.featureLevel);
    for (const id of [1, 2, 3]) await cluster.kill(id);
    for (const id of [1, 2, 3]) await cluster.startNode(id);
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    await cluster.runtime.run(2_000);
    expect(uids()).toEqual(new Set([uid]));
  });

  test('is in the first topology, so before any data, even while nodes are missing', async () => {
    cluster = await incomplete();
    expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
    const [one, two] = [cluster.node(1).topology(), cluster.node(2).topology()];
    expect(one).toMatchObject({ epoch: 1, clusterUid: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
    expect(two?.clusterUid).toBe(one?.clusterUid);
    await cluster.startNode(3);
    expect(await settled()).toBe(true);
    expect(uids()).toEqual(new Set([one?.clusterUid]));
  });

  test('differs between clusters of the same settings', async () => {
    const other = await VirtualCluster.start({ shards: 2, seed: 2 });
    await start({ seed: 3 });
    expect([await settled(), await settled(other)]).toEqual([true, true]);
    expect([...uids()]).not.toEqual([...uids(other)]);
    for (const id of [1, 2, 3]) await other.kill(id);
  });

  test('and the feature level are committed once every node runs a build that can read them, not before', async () => {
    await start({ protocols: formerProtocols() });
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    for (const id of [1, 2]) {
      await cluster.kill(id);
      cluster.protocols.delete(id);
      await cluster.startNode(id);
      await cluster.runtime.until(() => cluster.everyShardHasALeader());
    }
    await cluster.runtime.run(5_000);
    for (const topology of topologies()) {
      expect(Object.keys(topology!)).not.toContain('clusterUid');
      expect(Object.keys(topology!)).not.toContain('featureLevel');
      expect(Object.keys(topology!)).not.toContain('timers');
      expect(Object.keys(topology!)).not.toContain('leases');
    }
    expect(cluster.node(1).clusterFeatureLevel()).toBe(1);
    await cluster.kill(3);
    await cluster.runtime.run(2_000);
    // It is unknown what a node that is down can read.
    expect(uids()).toEqual(new Set([undefined]));
    cluster.protocols.delete(3);
    await cluster.startNode(3);
    expect(await settled()).toBe(true);
    expect(topologies().map((topology) => topology?.featureLevel)).toEqual([4, 4, 4]);
  });

  test('once they are committed, a node of the former build is refused', async () => {
    await start();
    await settled();
    await cluster.kill(3);
    cluster.protocols.set(3, FORMER_PROTOCOL);
    await cluster.startNode(3);
    expect(cluster.node(1).status().links).toEqual([{ peer: 2, version: 3 }]);
    expect(cluster.node(3).status().links).toEqual([]);
  });

  test('a router of the former build is still served', async () => {
    await start();
    await settled();
    const router = cluster.network.router(FORMER_PROTOCOL);
    await forger(router);
    expect(router.link(1)).toMatchObject({ version: 1 });
  });

  test('a node of another cluster with the same settings is refused everywhere, and no key is overwritten', async () => {
    const other = await VirtualCluster.start({ shards: 2, seed: 9 });
    expect(await settled(other)).toBe(true);
    for (let i = 0; i < 20; i++) await other.put(`key-${i}`, 'of the other');
    for (const id of [1, 2, 3]) await other.kill(id);

    await start();
    expect(await settled()).toBe(true);
    for (let i = 0; i < 3; i++) await cluster.put(`key-${i}`, 'ours');
    await cluster.kill(3);
    cluster.disks.set(3, other.disks.get(3)!);
    await cluster.startNode(3);
    await cluster.runtime.run(10_000);
    expect(cluster.node(3).status().links).toEqual([]);
    cluster.disks.delete(3);
    for (let i = 0; i < 3; i++) expect(await cluster.text(`key-${i}`)).toBe('ours');
    expect(await cluster.text('key-9')).toBeUndefined();
  });

  test('so is one of a cluster that was never complete', async () => {
    const other = await incomplete([2, 3], 9);
    expect(await other.runtime.until(() => other.everyShardHasALeader())).toBe(true);
    for (let i = 0; i < 20; i++) await other.put(`key-${i}`, 'of the other');
    for (const id of [2, 3]) await other.kill(id);

    await start();
    for (let i = 0; i < 3; i++) await cluster.put(`key-${i}`, 'ours');
    const [uid] = uids();
    const restartOwn = await replaceByStray(3, other);
    expect(cluster.node(3).status().links).toEqual([]);
    await restartOwn();
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    expect(uids()).toEqual(new Set([uid]));
    for (let i = 0; i < 3; i++) expect(await cluster.text(`key-${i}`)).toBe('ours');
  });

  test('one of a cluster that never had a quorum puts no node into quarantine', async () => {
    const other = await incomplete([4, 5], 9, 5);
    await other.runtime.run(4_000);
    expect(uids(other)).toEqual(new Set([undefined]));
    for (const id of [4, 5]) await other.kill(id);

    await start({ nodes: 5, shards: 10 });
    expect(await settled()).toBe(true);
    for (let i = 0; i < 10; i++) await cluster.put(`key-${i}`, 'ours');
    const restartOwn = await replaceByStray(5, other);
    const quarantined = [1, 2, 3, 4].filter((id) => cluster.node(id).status().quarantine !== undefined);
    expect(quarantined).toEqual([]);
    await restartOwn();
    expect(await cluster.runtime.until(() => cluster.everyShardHasALeader() && cluster.converged())).toBe(true);
    for (let i = 0; i < 10; i++) expect(await cluster.text(`key-${i}`)).toBe('ours');
  });

  test('a node restarted with an empty folder goes into quarantine, however high the boot number of that folder', async () => {
    const other = await incomplete([3], 9);
    for (let start = 0; start < 5; start++) {
      await other.kill(3);
      await other.startNode(3);
    }
    await other.kill(3);
    await start();
    expect(await settled()).toBe(true);
    for (let i = 0; i < 3; i++) await cluster.put(`key-${i}`, 'ours');
    await cluster.kill(3);
    cluster.disks.set(3, other.disks.get(3)!);
    await cluster.startNode(3);
    expect(cluster.node(3).status().quarantine).toMatch(/data folder is not the one/);
    expect(await cluster.runtime.until(() => cluster.node(3).status().quarantine === undefined)).toBe(true);
    for (let i = 0; i < 3; i++) expect(await cluster.text(`key-${i}`)).toBe('ours');
  });

  test('a node with data of a cluster without uid is refused everywhere, and no key is overwritten', async () => {
    const other = await VirtualCluster.start({ shards: 2, seed: 9, protocols: formerProtocols() });
    await other.runtime.until(() => other.everyShardHasALeader());
    for (let i = 0; i < 20; i++) await other.put(`key-${i}`, 'of the other');
    for (const id of [1, 2, 3]) await other.kill(id);

    await start();
    expect(await settled()).toBe(true);
    for (let i = 0; i < 3; i++) await cluster.put(`key-${i}`, 'ours');
    const restartOwn = await replaceByStray(3, other);
    expect(cluster.node(3).status().links).toEqual([]);
    await restartOwn();
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    for (let i = 0; i < 3; i++) expect(await cluster.text(`key-${i}`)).toBe('ours');
    expect(await cluster.text('key-9')).toBeUndefined();
  });

  test('a node that was down when its cluster got a uid is accepted with its own folder', async () => {
    await start({ protocols: formerProtocols() });
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    await cluster.put('key', 'ours');
    const upgrade = async (id: number): Promise<void> => {
      await cluster.kill(id);
      cluster.protocols.delete(id);
      await cluster.startNode(id);
      await cluster.runtime.until(() => cluster.everyShardHasALeader());
    };
    await upgrade(1);
    await upgrade(2);
    await cluster.kill(3);
    cluster.protocols.delete(3);
    await cluster.startNode(3);
    expect(await cluster.runtime.until(() => [1, 2].some((id) => uidOf(id) !== undefined))).toBe(true);
    expect(uidOf(3)).toBeUndefined();
    await cluster.kill(3);
    await cluster.startNode(3);
    expect(cluster.node(3).status().quarantine).toBeUndefined();
    expect(await settled()).toBe(true);
    expect(await cluster.text('key')).toBe('ours');
  });

  test('a process that sends another uid is refused, one that sends none is not', async () => {
    await start();
    await settled();
    const foreign = await forger(cluster.network.node(4), { clusterUid: 'another' });
    expect([1, 2, 3].map((id) => foreign.link(id))).toEqual([undefined, undefined, undefined]);
    const fresh = await forger(cluster.network.node(5));
    expect(fresh.link(1)).toMatchObject({ version: PROTOCOL.versions.max });
  });
});

describe('a topology is accepted', () => {
  const moved = (topology: Topology): Topology => ({
    ...topology,
    epoch: 99,
    nodes: topology.nodes.map((node) => ({ ...node, httpAddress: 'elsewhere:1' })),
  });
  const send = async (from: MemoryTransport, to: number, topology: Topology): Promise<void> => {
    from.send(to, { type: 'topology', topology });
    from.send(to, { type: 'ping', epoch: 99, stopping: false });
    from.flush();
    await cluster.runtime.run(1_000);
  };

  test('from no router, whatever its epoch', async () => {
    await start({ nodes: 4 });
    await settled();
    const router = await forger(cluster.network.router());
    const { epoch } = cluster.node(4).topology()!;
    for (const id of [1, 4]) {
      await send(router, id, moved(cluster.node(id).topology()!));
      expect(cluster.node(id).topology()!.epoch).toBe(epoch);
    }
  });

  test('from no peer once this node has applied one from group 0', async () => {
    await start({ nodes: 4 });
    await settled();
    const peer = await forger(cluster.network.node(5));
    const before = cluster.node(1).topology()!;
    await send(peer, 1, moved(before));
    expect(cluster.node(1).topology()).toEqual(before);
  });

  test('from a node where this one has no replica of group 0, if it is of the same cluster', async () => {
    await start({ nodes: 4 });
    await settled();
    const peer = await forger(cluster.network.node(5));
    const before = cluster.node(4).topology()!;
    await send(peer, 4, { ...moved(before), clusterUid: 'another' });
    expect(cluster.node(4).topology()).toEqual(before);
    await send(peer, 4, moved(before));
    expect(cluster.node(4).topology()!.epoch).toBe(99);
  });

  test('the topology of group 0 replaces a copy that differs at the same epoch', async () => {
    await start();
    await settled();
    const held = cluster.node(1).topology()!;
    await cluster.kill(1);
    const wrong = { ...held, nodes: held.nodes.map((node) => ({ ...node, httpAddress: 'elsewhere:1' })) };
    const storage = cluster.storageOf(1);
    await storage.open();
    await storage.putMeta('topology', Buffer.from(JSON.stringify(wrong)));
    await storage.close();
    await cluster.startNode(1);
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    await cluster.runtime.run(1_000);
    expect(cluster.node(1).topology()).toEqual(held);
  });
});
