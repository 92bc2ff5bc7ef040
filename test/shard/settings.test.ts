/** Timers and lease reads come from the topology: how they get there, when they change, and which nodes use meanwhile. */
import { afterEach, describe, expect, test } from 'vitest';
import { FORMER_PROTOCOL } from '../../src/shard/transport/protocol.js';
import { loadHash, silentLogger, type Logger, type NodeTimers, type ShardNode } from '../../src/shard/index.js';
import { nextSettings, type ConfiguredSettings } from '../../src/shard/cluster/settings.js';
import type { Topology } from '../../src/shard/cluster/topology.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const SLOW: NodeTimers = { tickMs: 100, electionTicks: 20, heartbeatTicks: 3 };
const FAST: NodeTimers = { tickMs: 20, electionTicks: 8, heartbeatTicks: 1 };
const MIDDLE: NodeTimers = { tickMs: 50, electionTicks: 10, heartbeatTicks: 2 };

let cluster: VirtualCluster;
afterEach(async () => {
  for (const id of [...cluster.nodes.keys()]) await cluster.kill(id);
});

const IDS = [1, 2, 3];
/** Settings that each node was last started with. */
const start = async (own: (id: number) => ConfiguredSettings): Promise<void> => {
  await loadHash();
  cluster = new VirtualCluster({ nodes: 3, replicas: 3, shards: 1 });
  await cluster.backend.start();
  for (const id of IDS) await startWith(id, own(id));
  expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
};
const startWith = (
  id: number,
  { timers, leaseReads }: ConfiguredSettings,
  logger: Logger = silentLogger,
): Promise<ShardNode> => cluster.startNode(id, { ...cluster.clusterConfig, leaseReads }, { timers, logger });
const restartWith = async (id: number, own: ConfiguredSettings): Promise<void> => {
  await cluster.kill(id);
  await startWith(id, own);
};
const topologies = (): (Topology | undefined)[] => [...cluster.nodes.values()].map((node) => node.topology());
const all = (is: (topology: Topology) => boolean): Promise<boolean> =>
  cluster.runtime.until(() => topologies().every((topology) => topology !== undefined && is(topology)), 10_000);
const have = (timers: NodeTimers): Promise<boolean> => all((topology) => same(topology.timers, timers));
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
/** Settings in use. */
const electionMs = (id: number): number => cluster.node(id).health().electionTimeoutMs;
const electionTimes = (): number[] => [...cluster.nodes.keys()].sort().map(electionMs);

describe('timers', () => {
  test('are those of the first leader of group 0, on every node, at once', async () => {
    const own = [SLOW, FAST, MIDDLE];
    await start((id) => ({ timers: own[id - 1] ?? SLOW, leaseReads: false }));
    expect(await all(({ timers }) => timers !== undefined)).toBe(true);
    const [topology] = topologies();
    expect(own).toContainEqual(topology?.timers);
    await cluster.runtime.run(1_000);
    const { tickMs, electionTicks } = topology?.timers ?? SLOW;
    expect(electionTimes()).toEqual([1, 2, 3].map(() => tickMs * electionTicks));
  });

  test('are those of the topology in the node’s folder from its start, which is logged once', async () => {
    await start(() => ({ timers: SLOW, leaseReads: false }));
    expect(await have(SLOW)).toBe(true);
    await cluster.runtime.run(1_000);
    for (const id of IDS) await cluster.kill(id);
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) };
    await startWith(3, { timers: FAST, leaseReads: true }, logger);
    expect(electionMs(3)).toBe(2_000);
    await cluster.runtime.run(5_000);
    expect(electionMs(3)).toBe(2_000);
    // Nor did it use its own even briefly, which would have recorded a promise.
    expect(cluster.disk(3).metas.has('promise')).toBe(false);
    expect(warnings.filter((fields) => 'own' in fields)).toEqual([
      { own: JSON.stringify({ ...FAST, leaseReads: true }), cluster: JSON.stringify({ ...SLOW, leaseReads: false }) },
    ]);
  });

  test('change once every node was restarted with the same new ones, not before', async () => {
    await start(() => ({ timers: SLOW, leaseReads: false }));
    expect(await have(SLOW)).toBe(true);
    // The first is preferred as leader of group 0.
    for (const id of [1, 2]) {
      await restartWith(id, { timers: FAST, leaseReads: false });
      await cluster.runtime.run(10_000);
      expect(electionTimes()).toEqual([2_000, 2_000, 2_000]);
    }
    // A node that is down may restart with other settings.
    await cluster.kill(2);
    await restartWith(3, { timers: FAST, leaseReads: false });
    await cluster.runtime.run(5_000);
    expect(electionTimes()).toEqual([2_000, 2_000]);
    await startWith(2, { timers: FAST, leaseReads: false });
    expect(await have(FAST)).toBe(true);
    await cluster.runtime.run(500);
    expect(electionTimes()).toEqual([160, 160, 160]);
    // The timers in use, too, not only the reported ones.
    const leader = cluster.leader(0);
    cluster.network.isolate(leader);
    expect(await cluster.runtime.until(() => cluster.leaders(0).some((id) => id !== leader), 800)).toBe(true);
  });

  test('are in no topology while a node runs a build that cannot read them', async () => {
    cluster = await VirtualCluster.start({ nodes: 3, protocols: new Map([[2, FORMER_PROTOCOL]]), leaseReads: true });
    await cluster.runtime.run(5_000);
    for (const topology of topologies()) expect([topology?.timers, topology?.leases]).toEqual([undefined, undefined]);
    await cluster.kill(2);
    cluster.protocols.delete(2);
    await cluster.startNode(2);
    expect(await all(({ leases }) => leases === 'read')).toBe(true);
    expect(topologies().map((topology) => topology?.timers)).toEqual([MIDDLE, MIDDLE, MIDDLE]);
  });
});

describe('s50 lease reads', () => {
  /** Every stage that a node's topology was seen in, in order. */
  const watchStages = (node: ShardNode): string[] => {
    const stages: string[] = [];
    node.onTopology(({ leases }) => {
      if (leases !== undefined && stages.at(-1) !== leases) stages.push(leases);
    });
    return stages;
  };
  const holders = (): number =>
    [...cluster.nodes.values()].flatMap((node) => [...node.replicas()]).filter(({ holdsLease }) => holdsLease).length;

  /** Eventually some leader reads by lease; one that began a transfer in its term never will. */
  const readsByLease = async (): Promise<boolean> => {
    for (let n = 0; n < 100; n++) {
      expect(await cluster.get('a', 'lease')).toMatchObject({ type: 'get' });
      if (holders() === 1) return true;
      await cluster.runtime.run(100);
    }
    return false;
  };

  test('s50 begin with promises; leaders read by lease an epoch later, once every node uses the first', async () => {
    await start(() => ({ timers: MIDDLE, leaseReads: false }));
    expect(await all(({ leases }) => leases === 'off')).toBe(true);
    for (const id of [1, 2]) await restartWith(id, { timers: MIDDLE, leaseReads: true });
    // The last node receives no topology; its pings carry the epoch that it has.
    cluster.network.dropWhen(
      (_from, to, message) =>
        to === 3 && (message.type === 'topology' || (message.type === 'raft' && message.group === 0)),
    );
    await restartWith(3, { timers: MIDDLE, leaseReads: true });
    const stages = watchStages(cluster.node(1));
    const promising = (): boolean => cluster.node(1).topology()?.leases === 'promise';
    expect(await cluster.runtime.until(promising, 10_000)).toBe(true);
    for (let n = 0; n < 20; n++) {
      expect(await cluster.get('a', 'lease')).toMatchObject({ type: 'get' });
      expect(holders()).toBe(0);
      await cluster.runtime.run(200);
    }
    expect([stages, cluster.node(3).topology()?.leases]).toEqual([['promise'], 'off']);
    const unkept: number[] = [];
    cluster.network.dropWhen((from, _to, { type, ...rest }) => {
      if (type !== 'raft' || !('message' in rest) || rest.message.type !== 'heartbeat-ok') return false;
      const keptMs = Number(Buffer.from(cluster.disk(from).metas.get('promise') ?? '0').toString());
      if ((rest.message.promiseMs ?? 0) > keptMs) unkept.push(from);
      return false;
    });
    expect(await all(({ leases }) => leases === 'read')).toBe(true);
    expect(await readsByLease()).toBe(true);
    expect(stages).toEqual(['promise', 'read']);
    // A later incarnation must know of every promise.
    expect(unkept).toEqual([]);
  });

  test('s50 end before promises do', async () => {
    await start(() => ({ timers: MIDDLE, leaseReads: true }));
    expect(await all(({ leases }) => leases === 'read')).toBe(true);
    for (const id of [1, 2]) await restartWith(id, { timers: MIDDLE, leaseReads: false });
    expect(await readsByLease()).toBe(true);
    await restartWith(3, { timers: MIDDLE, leaseReads: false });
    const stages = watchStages(cluster.node(1));
    const stopped = (): boolean => stages.includes('promise');
    expect(await cluster.runtime.until(stopped, 10_000)).toBe(true);
    expect(await all(({ leases }) => leases === 'off')).toBe(true);
    expect([stages, holders()]).toEqual([['promise', 'off'], 0]);
  });
});

describe('the next settings', () => {
  const own: ConfiguredSettings = { timers: FAST, leaseReads: true };
  const held = (leaseReads: boolean, leases?: 'off' | 'promise' | 'read'): Topology => {
    const topology = {
      clusterId: 'c',
      epoch: 5,
      shardCount: 0,
      replicas: 1,
      hash: 'xxh64' as const,
      nodes: [],
      shards: [],
    };
    return { ...topology, leaseReads, timers: SLOW, ...(leases === undefined ? {} : { leases }) };
  };
  const next = (topology: Topology | undefined, leaseReads: boolean | undefined, runBy: boolean): unknown[] => {
    const { leases, ...rest } = nextSettings(topology, own, {
      agree: leaseReads === undefined ? {} : { leaseReads },
      runBy,
    });
    return [rest.leaseReads, leases];
  };

  test('advance one stage at a time, the second only when every node uses the first', () => {
    expect(next(undefined, undefined, true)).toEqual([true, 'promise']);
    expect(next(held(true), true, true)).toEqual([true, 'promise']);
    expect(next(held(false), false, true)).toEqual([false, 'off']);
    expect(next(held(false, 'off'), undefined, true)).toEqual([false, 'off']);
    expect(next(held(false, 'off'), true, true)).toEqual([true, 'promise']);
    for (const goal of [true, false]) expect(next(held(goal, 'promise'), goal, false)).toEqual([goal, 'promise']);
    expect(next(held(true, 'promise'), undefined, true)).toEqual([true, 'read']);
    expect(next(held(true, 'read'), false, true)).toEqual([false, 'promise']);
    expect(next(held(false, 'promise'), undefined, true)).toEqual([false, 'off']);
  });
});
