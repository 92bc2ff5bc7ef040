/** A node whose disk hangs, neither completing writes nor failing: others serve its shards, and it reports the hang. */
import { describe, expect, it } from 'vitest';
import { CommitStall } from '../../src/shard/node/commit-stall.js';
import { handOver } from '../../src/shard/node/balancer.js';
import { DiskWatch } from '../../src/shard/node/disk-watch.js';
import { FailureDetector } from '../../src/shard/node/failure-detector.js';
import type { Replica } from '../../src/shard/node/replica.js';
import { readiness } from '../../src/router/admin/health.js';
import { HangingDisk } from '../support/hanging-disk.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const TIMEOUT_MS = 500;

const started = async (): Promise<{ cluster: VirtualCluster; disk: HangingDisk }> => {
  const disk = new HangingDisk();
  const cluster = await VirtualCluster.start({
    shards: 6,
    storage: (id, storage) => (id === 1 ? disk.wrap(storage) : storage),
  });
  await cluster.runtime.run(3_000);
  return { cluster, disk };
};

const keysOf = (cluster: VirtualCluster, shard: number): string =>
  Array.from({ length: 200 }, (_, i) => `key-${i}`).find((key) => cluster.shardOf(key) === shard) ?? '';

const isReady = (cluster: VirtualCluster, id: number): boolean => {
  const node = cluster.node(id);
  const unserved = { noQuorum: [], noLeader: [], unanswered: [], stalled: undefined };
  const situation = { topology: node.topology(), ...unserved, strict: false };
  return readiness({ state: node.state(), health: node.health(), ...situation }).every(
    ({ wrong }) => wrong === undefined,
  );
};

describe('a node whose disk hangs', () => {
  it('s70 leads no shard within two election timeouts, and reports the hang', async () => {
    const { cluster, disk } = await started();
    const led = cluster.shards().filter((shard) => cluster.leader(shard) === 1);
    expect(led.length).toBeGreaterThan(1);
    expect(isReady(cluster, 1)).toBe(true);
    disk.hang(true);
    // A write to one of its shards; the idle ones are transferred as well.
    const put = cluster.startPut(keysOf(cluster, led[0]!), 'a');
    await cluster.runtime.run(2 * TIMEOUT_MS);
    expect(cluster.shards().filter((shard) => cluster.node(1).leaderOf(shard) === 1)).toEqual([]);
    expect(isReady(cluster, 1)).toBe(false);
    expect(cluster.node(1).health().diskPendingMs).toBeGreaterThan(TIMEOUT_MS);
    expect(isReady(cluster, 2)).toBe(true);
    expect(await cluster.runtime.settle(put)).toMatchObject({ type: 'put' });
    for (const shard of led) expect(await cluster.put(keysOf(cluster, shard), 'b')).toMatchObject({ type: 'put' });
    expect(cluster.everyShardHasALeader()).toBe(true);
  });

  it('s70 is no transfer target until its disk has worked for a while', async () => {
    const { cluster, disk } = await started();
    const led = cluster.shards().filter((shard) => cluster.leader(shard) === 1);
    disk.hang(true);
    await cluster.put(keysOf(cluster, led[0]!), 'a');
    // Quiescent shards: at most 100 entries behind, which would do for a transfer target. None is transferred to it.
    const terms = (): number[] => cluster.shards().map((shard) => cluster.group(2, shard)!.raft.term);
    await cluster.runtime.run(2 * TIMEOUT_MS);
    const before = terms();
    for (let i = 0; i < 20; i++) {
      await cluster.runtime.run(TIMEOUT_MS);
      expect(await cluster.put(keysOf(cluster, led[i % led.length]!), `${i}`, { deadlineMs: 100 })).toMatchObject({
        type: 'put',
      });
    }
    expect(terms()).toEqual(before);
    disk.hang(false);
    await cluster.runtime.run(4 * TIMEOUT_MS);
    expect(isReady(cluster, 1)).toBe(true);
    expect(cluster.shards().filter((shard) => cluster.node(1).leaderOf(shard) === 1)).toEqual([]);
    await cluster.runtime.run(20 * TIMEOUT_MS);
    expect(led.every((shard) => cluster.leader(shard) === 1)).toBe(true);
    expect(cluster.converged()).toBe(true);
  });

  describe('and whose group has a follower that has to be restored', () => {
    const disks = new Map([1, 2].map((id) => [id, new HangingDisk()]));
    const hang = (id: number, hangs: boolean): void => disks.get(id)?.hang(hangs);

    /** n1 leads the shard. As where n3 needs a snapshot, which n1 cannot read while its disk hangs. */
    const lagging = async (): Promise<{ cluster: VirtualCluster; shard: number; key: string }> => {
      const cluster = await VirtualCluster.start({ storage: (id, storage) => disks.get(id)?.wrap(storage) ?? storage });
      await cluster.runtime.run(3_000);
      const [shard = 0] = cluster.shards().filter((each) => cluster.leader(each) === 1);
      cluster.network.dropWhen(
        (from, to, m) => from === 1 && to === 3 && m.type === 'raft' && m.message.type === 'append',
      );
      cluster.network.breakLink(1, 3);
      await cluster.runtime.run(3 * TIMEOUT_MS);
      return { cluster, shard, key: keysOf(cluster, shard) };
    };

    it('hands over to the other one although its disk hung a while ago', async () => {
      const { cluster, shard, key } = await lagging();
      hang(2, true);
      void cluster.startPut(key, 'a');
      await cluster.runtime.run(3 * TIMEOUT_MS);
      hang(2, false);
      await cluster.runtime.run(TIMEOUT_MS);
      expect([cluster.leader(shard), cluster.node(2).health().diskPendingMs]).toEqual([1, 0]);
      hang(1, true);
      const put = cluster.startPut(key, 'b', { deadlineMs: 60_000 });
      await cluster.runtime.run(4 * TIMEOUT_MS);
      expect(cluster.node(2).leaderOf(shard)).toBe(2);
      expect(await cluster.runtime.settle(put)).toMatchObject({ type: 'put' });
      hang(1, false);
    });

    it('hands over as soon as the other one is back', async () => {
      const { cluster, shard, key } = await lagging();
      cluster.network.isolate(2);
      hang(1, true);
      const put = cluster.startPut(key, 'b', { deadlineMs: 60_000 });
      await cluster.runtime.run(4 * TIMEOUT_MS);
      expect(cluster.node(1).leaderOf(shard)).toBe(1);
      cluster.network.heal();
      await cluster.runtime.run(6 * TIMEOUT_MS);
      expect(cluster.node(2).leaderOf(shard)).toBe(2);
      expect(await cluster.runtime.settle(put)).toMatchObject({ type: 'put' });
      hang(1, false);
    });
  });

  it('s70 still gets requests from routers, for it answers reads', async () => {
    const { cluster, disk } = await started();
    disk.hang(true);
    await cluster.put(keysOf(cluster, 0), 'a');
    await cluster.runtime.run(4 * TIMEOUT_MS);
    expect(cluster.backend.alive(1)).toBe(true);
  });
});

it('a leader whose followers receive nothing is not ready, although its disk works', async () => {
  const { cluster } = await started();
  const [shard] = cluster.shards().filter((each) => cluster.leader(each) === 1);
  cluster.network.dropWhen((from, _to, m) => from === 1 && m.type === 'raft' && m.message.type === 'append');
  void cluster.startPut(keysOf(cluster, shard!), 'a');
  await cluster.runtime.run(TIMEOUT_MS + 1_000);
  expect(cluster.leader(shard!)).toBe(1);
  expect(cluster.node(1).health()).toMatchObject({ stalled: [{ shard }] });
  expect(isReady(cluster, 1)).toBe(false);
  cluster.network.dropWhen(undefined);
  await cluster.runtime.run(TIMEOUT_MS);
  expect(isReady(cluster, 1)).toBe(true);
});

describe('leadership that is handed over', () => {
  /** n2 and n3 follow, alive and not fit; n3 has stored up to `match`. Returns whom the leader transfers to. */
  const targetOf = (match: number, { orUnfit = true, fit = false } = {}): number | undefined => {
    const detector = new FailureDetector(100);
    for (const id of [2, 3]) {
      detector.recordHeartbeat(id, 0);
      detector.recordStopping(id, !(fit && id === 2));
    }
    let target: number | undefined;
    const peers = [
      { id: 2, match: 7, state: 'replicate' },
      { id: 3, match, state: 'replicate' },
    ];
    const replica = {
      isLeader: true,
      raft: { status: () => ({ peers, stableIndex: 7 }) },
      transfer: (to: number) => (target = to),
    } as unknown as Replica;
    handOver([replica], detector, 1_000, orUnfit);
    return target;
  };

  it('goes to a peer that is not fit only if it has stored what this node has not: its disk does not hang now', () => {
    expect(targetOf(8)).toBe(3);
    expect(targetOf(7)).toBeUndefined();
    expect(targetOf(8, { orUnfit: false })).toBeUndefined();
    expect(targetOf(8, { fit: true })).toBe(2);
  });
});

describe('a disk watch', () => {
  it('reports once that the disk began to hang, and counts it as healthy after ten timeouts without a hang', () => {
    const writes = { oldestSinceMs: undefined as number | undefined };
    const watch = new DiskWatch(writes, 100);
    expect(watch.check(0)).toEqual({ began: false, changed: false });
    writes.oldestSinceMs = 10;
    expect([watch.check(110), watch.pendingMs(110)]).toEqual([{ began: false, changed: false }, 100]);
    expect([watch.check(111), watch.isFit]).toEqual([{ began: true, changed: true }, false]);
    expect(watch.check(112)).toEqual({ began: false, changed: false });
    writes.oldestSinceMs = undefined;
    expect([watch.check(1_112), watch.isFit]).toEqual([{ began: false, changed: false }, false]);
    expect([watch.check(1_113), watch.isFit]).toEqual([{ began: false, changed: true }, true]);
  });
});

describe('a stall', () => {
  it('counts from the oldest uncommitted entry, or from the last commit', () => {
    let now = 1;
    const stall = new CommitStall(() => now);
    stall.note(5, 5, true, now);
    expect(stall.sinceMs).toBeUndefined();
    stall.note(5, 6, true, now);
    now = 2;
    stall.note(5, 7, true, now);
    expect(stall.sinceMs).toBe(1);
    now = 3;
    stall.note(6, 7, true, now);
    expect(stall.sinceMs).toBe(3);
    stall.note(6, 7, false, now);
    expect(stall.sinceMs).toBeUndefined();
  });

  it('reports the time since the last apply, on every replica and with or without uncommitted entries', () => {
    let now = 10;
    const stall = new CommitStall(() => now);
    now = 12;
    expect(stall.sinceAppliedMs).toBe(2);
    stall.note(1, 1, false, now);
    now = 20;
    stall.note(1, 4, false, now);
    expect(stall.sinceAppliedMs).toBe(8);
    stall.note(3, 4, true, now);
    now = 25;
    stall.note(3, 4, true, now);
    expect(stall.sinceAppliedMs).toBe(5);
  });
});
