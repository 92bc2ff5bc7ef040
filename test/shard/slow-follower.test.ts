/** An empty follower behind a slow link without loss (1 MB/s, i.e. 8 Mbit/s), with default timers. */
import { describe, expect, it } from 'vitest';
import { NarrowLink } from '../support/narrow-link.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const SHARDS = 12;
const LATE = 3;
const BYTES_PER_SECOND = 1_000_000;
const VALUE_BYTES = 50_000;
const KEYS = 80;
const STATE_BYTES = KEYS * VALUE_BYTES;
const value = (i: number): string => String.fromCharCode(97 + (i % 26)).repeat(VALUE_BYTES);

/** Everything is compacted before node 3 starts. */
async function behind(link: NarrowLink): Promise<VirtualCluster> {
  const cluster = await VirtualCluster.start({
    shards: SHARDS,
    node: { checkpoints: { bytes: 500_000, keepEntries: 0 } },
    transport: (id, transport, runtime) => (id === LATE ? transport : link.wrap(id, transport, runtime)),
  });
  await cluster.kill(LATE);
  for (let i = 0; i < KEYS; i++) await cluster.put(`key-${i}`, value(i));
  // The last checkpoint is triggered by its interval.
  await cluster.runtime.run(40_000);
  link.bytes = 0;
  link.snapshotBytes = 0;
  link.mostQueued = 0;
  return cluster;
}

describe('a follower behind a slow link', () => {
  it('gets every snapshot once, in about the transmission time of its bytes', async () => {
    const link = new NarrowLink(LATE, BYTES_PER_SECOND);
    const cluster = await behind(link);
    const startedAt = cluster.runtime.now();
    await cluster.startNode(LATE);
    expect(await cluster.runtime.until(() => cluster.converged(), 60_000)).toBe(true);
    expect(link.snapshotBytes).toBeGreaterThan(STATE_BYTES);
    expect(link.snapshotBytes).toBeLessThan(1.05 * STATE_BYTES);
    const needMs = (STATE_BYTES / BYTES_PER_SECOND) * 1000;
    expect(cluster.runtime.now() - startedAt).toBeLessThan(1.25 * needMs);
  });

  it('has at most a window of snapshot bytes queued before its other messages', async () => {
    const link = new NarrowLink(LATE, BYTES_PER_SECOND);
    const cluster = await behind(link);
    await cluster.startNode(LATE);
    expect(await cluster.runtime.until(() => cluster.converged(), 60_000)).toBe(true);
    // Both other nodes lead some of the shards, and each has a window of its own.
    expect(link.mostQueued).toBeLessThan(2 * (512 + 256) * 1024);
    expect(link.mostQueued).toBeGreaterThan(256 * 1024);
  });
});

describe('a leader whose log is compacted often, and keeps nothing for followers that are up to date', () => {
  const checkpoints = { bytes: 4_000, keepEntries: 0 };
  const start = (link: NarrowLink): Promise<VirtualCluster> =>
    VirtualCluster.start({
      shards: 1,
      node: { checkpoints },
      transport: (id, transport, runtime) => (id === LATE ? transport : link.wrap(id, transport, runtime)),
    });
  const lead = async (cluster: VirtualCluster): Promise<void> => {
    // The preferred leader may be the one behind the link: another leads once that is down for a moment.
    if (cluster.leader(0) !== LATE) return;
    await cluster.kill(LATE);
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    await cluster.startNode(LATE);
    await cluster.runtime.until(() => cluster.converged());
  };

  it('keeps the entries that a follower missed for a moment: it gets them, and no snapshot', async () => {
    const link = new NarrowLink(LATE, 200_000);
    const cluster = await start(link);
    await lead(cluster);
    const leader = cluster.leader(0);
    expect(leader).not.toBe(LATE);
    link.snapshotBytes = 0;
    cluster.network.cut(leader, LATE);
    for (let i = 0; i < 40; i++) await cluster.put(`key-${i}`, 'x'.repeat(1_000));
    await cluster.runtime.run(1_000);
    cluster.network.heal();
    expect(cluster.converged()).toBe(false);
    expect(await cluster.runtime.until(() => cluster.converged(), 5_000)).toBe(true);
    expect(link.snapshotBytes).toBe(0);
    await cluster.runtime.run(1_000);
    const { raft } = cluster.group(leader, 0)!;
    await cluster.put('one', 'x'.repeat(5_000));
    await cluster.runtime.run(1_000);
    // No follower needs them any more.
    expect(cluster.group(leader, 0)!.raft.firstIndex).toBeGreaterThan(raft.lastIndex);
  });

  it('keeps what follows a snapshot on its way, so that one is enough although writes go on', async () => {
    const link = new NarrowLink(LATE, 500_000);
    const cluster = await start(link);
    await lead(cluster);
    await cluster.kill(LATE);
    await cluster.runtime.until(() => cluster.everyShardHasALeader());
    const keys = 40;
    for (let i = 0; i < keys; i++) await cluster.put(`key-${i}`, 'x'.repeat(25_000));
    await cluster.runtime.run(10_000);
    link.snapshotBytes = 0;
    await cluster.startNode(LATE);
    let writes = 0;
    const isLevel = (): boolean => {
      const [leader, late] = [cluster.group(cluster.leader(0), 0)!, cluster.group(LATE, 0)!];
      return late.raft.applied > 0 && leader.raft.applied - late.raft.applied < 10;
    };
    for (; writes < 300 && !isLevel(); writes++) {
      await cluster.put('key-0', 'y'.repeat(1_000));
      await cluster.runtime.run(40);
    }
    expect(isLevel()).toBe(true);
    expect(writes).toBeGreaterThan(10);
    expect(link.snapshotBytes).toBeGreaterThan(500_000);
    expect(link.snapshotBytes).toBeLessThan(1.1 * keys * 25_000);
  });
});
