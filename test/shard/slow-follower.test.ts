/** A follower that has nothing, behind a link that is slow and loses nothing (1 MB/s, as 8 Mbit/s), with default timers. */
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

/** Everything is compacted away before node 3 comes. */
async function behind(link: NarrowLink): Promise<VirtualCluster> {
  const cluster = await VirtualCluster.start({
    shards: SHARDS,
    node: { checkpoints: { bytes: 500_000, keepEntries: 0 } },
    transport: (id, transport, runtime) => (id === LATE ? transport : link.wrap(id, transport, runtime)),
  });
  await cluster.kill(LATE);
  for (let i = 0; i < KEYS; i++) await cluster.put(`key-${i}`, value(i));
  // The last checkpoint comes for its time.
  await cluster.runtime.run(40_000);
  link.bytes = 0;
  link.snapshotBytes = 0;
  link.mostQueued = 0;
  return cluster;
}

describe('a follower behind a slow link', () => {
  it('gets every snapshot once, in about the time that the bytes need', async () => {
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

  it('has no more than a window of snapshots before everything else that it is sent', async () => {
    const link = new NarrowLink(LATE, BYTES_PER_SECOND);
    const cluster = await behind(link);
    await cluster.startNode(LATE);
    expect(await cluster.runtime.until(() => cluster.converged(), 60_000)).toBe(true);
    // Both other nodes lead some of the shards, and each has a window of its own.
    expect(link.mostQueued).toBeLessThan(2 * (512 + 256) * 1024);
    expect(link.mostQueued).toBeGreaterThan(256 * 1024);
  });
});
