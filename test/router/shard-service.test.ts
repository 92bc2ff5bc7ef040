/** Which shards are unavailable, at every node and router: on clusters in virtual time, over links and the wire format. */
import { describe, expect, it } from 'vitest';
import { checkReadiness, readinessOf } from '../../src/router/admin/health.js';
import { NodeBackend, type Backend } from '../../src/router/index.js';
import { StatusPoller } from '../../src/router/admin/status-poller.js';
import { HangingDisk } from '../support/hanging-disk.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const TIMEOUT_MS = 500;
const BOUND_MS = 500;

interface Scene {
  readonly cluster: VirtualCluster;
  readonly disks: ReadonlyMap<number, HangingDisk>;
  /** The failed checks of `/readyz` of a node (0: of the router). */
  readonly wrong: (id: number, strict?: boolean) => Promise<string[]>;
}

/** Four nodes and three replicas: each shard has one node without a replica of it. */
async function started(): Promise<Scene> {
  const disks = new Map([1, 2, 3, 4].map((id) => [id, new HangingDisk()]));
  const cluster = await VirtualCluster.start({
    ...{ nodes: 4, shards: 4, replicas: 3 },
    storage: (id, storage) => disks.get(id)!.wrap(storage),
  });
  await cluster.runtime.run(3_000);
  const { runtime } = cluster;
  const backends = new Map<number, Backend>([[0, cluster.backend]]);
  for (const [id, host] of cluster.nodes) backends.set(id, new NodeBackend({ host, runtime }));
  const wrong = async (id: number, strict = true): Promise<string[]> => {
    const backend = backends.get(id)!;
    const checks = await runtime.settle(checkReadiness(backend, new StatusPoller(backend, BOUND_MS), strict));
    return checks.flatMap((check) => (check.wrong === undefined ? [] : [`${check.name}: ${check.wrong}`]));
  };
  return { cluster, disks, wrong };
}

/** The leader of a shard, its followers, and the node without a replica of it. */
function partsOf(cluster: VirtualCluster, shard: number) {
  const leader = cluster.leader(shard);
  const holders = [1, 2, 3, 4].filter((id) => cluster.group(id, shard) !== undefined);
  const [outsider] = [1, 2, 3, 4].filter((id) => !holders.includes(id));
  return { leader, followers: holders.filter((id) => id !== leader), outsider: outsider! };
}

const keyOf = (cluster: VirtualCluster, shard: number): string =>
  Array.from({ length: 200 }, (_, i) => `key-${i}`).find((key) => cluster.shardOf(key) === shard)!;

describe("a shard whose followers' disks hang", () => {
  it('is reported under ?strict by its leader, a follower, a node without it, a router', async () => {
    const { cluster, disks, wrong } = await started();
    const shard = 1;
    const { leader, followers, outsider } = partsOf(cluster, shard);
    const asked = [0, leader, ...followers, outsider];
    for (const id of asked) expect([id, await wrong(id)]).toEqual([id, []]);
    for (const id of followers) disks.get(id)!.hang(true);
    void cluster.startPut(keyOf(cluster, shard), 'a', { deadlineMs: 60_000 });
    await cluster.runtime.run(2 * TIMEOUT_MS + 1_000);
    expect(cluster.leader(shard)).toBe(leader);
    for (const id of asked) {
      expect([id, await wrong(id)]).toEqual([
        id,
        expect.arrayContaining([expect.stringMatching(/^stalls: led, and nothing committed for \d\.\d s: shard 1$/)]),
      ]);
    }
    // It is no fault of the leader, the router or the outsider: they are unready only with ?strict.
    for (const id of [0, leader, outsider]) expect([id, await wrong(id, false)]).toEqual([id, []]);
    for (const id of followers) disks.get(id)!.hang(false);
    await cluster.runtime.run(20 * TIMEOUT_MS);
    for (const id of asked) expect([id, await wrong(id)]).toEqual([id, []]);
  });

  it('makes its leader unready as soon as the followers stop answering it', async () => {
    const { cluster, disks, wrong } = await started();
    const { leader, followers } = partsOf(cluster, 1);
    for (const id of followers) disks.get(id)!.hang(true);
    void cluster.startPut(keyOf(cluster, 1), 'a', { deadlineMs: 60_000 });
    await cluster.runtime.run(2 * TIMEOUT_MS + 1_000);
    expect(await wrong(leader, false)).toEqual([]);
    cluster.network.dropWhen((_from, to, m) => to === leader && m.type === 'raft' && m.group === 2);
    await cluster.runtime.run(TIMEOUT_MS * 0.8);
    expect(cluster.leader(1)).toBe(leader);
    expect(await wrong(leader, false)).toEqual([
      expect.stringMatching(/^commits: led here, and nothing committed for \d\.\d s: shard 1$/),
    ]);
  });

  it('is not reported while no request waits for it', async () => {
    const { cluster, disks, wrong } = await started();
    const { followers, outsider } = partsOf(cluster, 1);
    for (const id of followers) disks.get(id)!.hang(true);
    await cluster.runtime.run(2 * TIMEOUT_MS + 1_000);
    for (const id of [0, outsider]) expect([id, await wrong(id)]).toEqual([id, []]);
  });
});

describe('a shard whose leader does not answer', () => {
  it('is named by nodes with and without a replica of it, within the time bound', async () => {
    const { cluster, wrong } = await started();
    const { leader, followers, outsider } = partsOf(cluster, 1);
    cluster.network.dropWhen((from, _to, { type }) => from === leader && type === 'status');
    for (const id of [0, outsider, ...followers]) {
      const before = cluster.runtime.now();
      const led = cluster.shards().filter((shard) => cluster.leader(shard) === leader);
      expect([id, await wrong(id)]).toEqual([id, [`leaders: the leader does not answer: shard ${led.join(', ')}`]]);
      expect(cluster.runtime.now() - before).toBeLessThan(BOUND_MS + 100);
    }
    // Without ?strict a node asks no other node: it finds nothing wrong, and at once.
    const before = cluster.runtime.now();
    expect(await wrong(outsider, false)).toEqual([]);
    expect(cluster.runtime.now() - before).toBeLessThan(50);
  });
});

it('a shard without a leader is named by a node that does not hold it', async () => {
  const { cluster, wrong } = await started();
  const { leader, outsider } = partsOf(cluster, 1);
  // Without messages no node is elected, and the leader steps down.
  cluster.network.dropWhen((_from, _to, m) => m.type === 'raft' && m.group === 2);
  void cluster.startPut(keyOf(cluster, 1), 'a', { deadlineMs: 60_000 });
  await cluster.runtime.run(4 * TIMEOUT_MS);
  expect(cluster.leaders(1)).toEqual([]);
  expect(await wrong(outsider)).toEqual(['leaders: no leader known: shard 1']);
  expect([leader, await wrong(leader)]).toEqual([leader, ['leaders: no leader known: shard 1']]);
});

it('the shards of a leader whose disk is full are unavailable, also while they are idle', async () => {
  const { cluster, wrong } = await started();
  const { leader, outsider } = partsOf(cluster, 1);
  const led = cluster.shards().filter((shard) => cluster.leader(shard) === leader);
  const node = cluster.node(leader);
  const status = node.status.bind(node);
  let roomWaitMs = TIMEOUT_MS;
  node.status = () => ({ ...status(), roomWaitMs });
  expect(await wrong(outsider)).toEqual([]);
  roomWaitMs = TIMEOUT_MS + 100;
  expect(await wrong(outsider)).toEqual([`stalls: led, and nothing committed for 0.6 s: shard ${led.join(', ')}`]);
});

it('a failed node is not counted as a leader, whatever its groups report', async () => {
  const { cluster, wrong } = await started();
  const { leader, outsider } = partsOf(cluster, 1);
  const node = cluster.node(leader);
  const status = node.status.bind(node);
  node.status = () => ({ ...status(), state: 'failed' });
  const led = cluster.shards().filter((shard) => cluster.leader(shard) === leader);
  expect(await wrong(outsider)).toEqual([`leaders: no leader known: shard ${led.join(', ')}`]);
});

it('a leader of a build that does not report its commit wait is assumed to commit', async () => {
  const { cluster, disks, wrong } = await started();
  const { leader, followers, outsider } = partsOf(cluster, 1);
  const node = cluster.node(leader);
  const status = node.status.bind(node);
  // Undefined fields are not encoded.
  const unreported = { electionTimeoutMs: undefined, roomWaitMs: undefined };
  const groups = () => status().groups.map((group) => ({ ...group, commitWaitMs: undefined }));
  node.status = () => ({ ...status(), ...unreported, groups: groups() });
  for (const id of followers) disks.get(id)!.hang(true);
  void cluster.startPut(keyOf(cluster, 1), 'a', { deadlineMs: 60_000 });
  await cluster.runtime.run(2 * TIMEOUT_MS + 1_000);
  // Other shards, led by its followers, have no leader by now.
  expect((await wrong(outsider)).filter((line) => line.includes('shard 1'))).toEqual([]);
});

describe('a node that was never linked to another one', () => {
  it.each([
    [3, 2],
    [5, 3],
  ])('is not ready, though it holds only some shards: of %d nodes, %d replicas', async (nodes, replicas) => {
    const cluster = await VirtualCluster.start({ nodes, replicas, shards: 8 });
    await cluster.runtime.run(2_000);
    for (let id = 1; id <= nodes; id++) await cluster.kill(id);
    await cluster.startNode(1);
    await cluster.runtime.run(2_000);
    const backend = new NodeBackend({ host: cluster.node(1), runtime: cluster.runtime });
    const wrong = readinessOf(backend, false).flatMap((check) => (check.wrong === undefined ? [] : [check.name]));
    expect(wrong).toEqual(['leaders']);
    await cluster.startNode(2);
    await cluster.startNode(3);
    await cluster.runtime.run(2_000);
    expect(readinessOf(backend, false).filter((check) => check.wrong !== undefined)).toEqual([]);
  });
});
