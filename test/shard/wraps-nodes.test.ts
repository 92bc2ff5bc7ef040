/** Whole nodes on disks whose indexes, terms, journal rows and boot numbers are about to need one more bit. */
import { beforeAll, describe, expect, it } from 'vitest';
import { SortedTable } from '../../src/raft/storage/index.js';
import { groupOfShard, loadHash, MemoryDisk } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

beforeAll(loadHash);

const SHORT_LOGS = { checkpoints: { bytes: 4_000, keepEntries: 2, followerBytes: 0 } };
const ids = [1, 2, 3];

/** Three nodes whose one shard is at index and term `applied`, without keys. */
async function clusterAt(applied: number): Promise<VirtualCluster> {
  const cluster = new VirtualCluster({ shards: 1, node: SHORT_LOGS });
  const configuration = { voters: ids, votersOutgoing: [], learners: [] };
  for (const id of ids) {
    const disk = new MemoryDisk();
    disk.position = applied;
    disk.groups.set(groupOfShard(0), {
      hardState: { term: applied, vote: 0, commit: applied },
      meta: { index: applied, term: applied, configuration },
      entries: [],
      table: new SortedTable(),
    });
    disk.metas.set('life', Buffer.from(JSON.stringify({ boot: applied, quarantined: 0, open: false, released: [] })));
    cluster.disks.set(id, disk);
  }
  await cluster.backend.start();
  for (const id of ids) await cluster.startNode(id);
  expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
  return cluster;
}

/** Puts a value. @returns its revision */
async function write(cluster: VirtualCluster, key: string, value: string, revision?: number): Promise<number> {
  const condition = revision === undefined ? ({ type: 'none' } as const) : ({ type: 'revision', revision } as const);
  const answer = await cluster.put(key, value, { condition });
  if (answer.type !== 'put') throw new Error(JSON.stringify(answer));
  return answer.revision;
}

describe.each([2 ** 30, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 48 - 5_000])('nodes whose logs go beyond %d', (edge) => {
  it(
    'write, read, change leaders, restart, send snapshots, and put no node into quarantine',
    { timeout: 60_000 },
    async () => {
      const cluster = await clusterAt(edge - 8);
      let revision = await write(cluster, 'counter', '0');
      expect(revision).toBeGreaterThan(edge - 8);
      for (let i = 1; i <= 20; i++) {
        const next = await write(cluster, 'counter', String(i), revision);
        expect(next).toBe(revision + 1);
        revision = next;
        expect(await cluster.text('counter')).toBe(String(i));
      }
      expect(revision).toBeGreaterThan(edge + 8);

      // One falls behind the logs of the others; the next leader has a term beyond the edge, too.
      const late = cluster.leader(0);
      await cluster.kill(late);
      expect(await cluster.runtime.until(() => cluster.everyShardHasALeader())).toBe(true);
      for (let i = 0; i < 40; i++) await write(cluster, `key-${i}`, '.'.repeat(200));
      await cluster.runtime.run(2_000);
      await cluster.startNode(late);
      expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
      expect(cluster.group(late, 0)!.raft.firstIndex).toBeGreaterThan(revision);

      for (const id of ids) {
        await cluster.runtime.settle(cluster.node(id).stop());
        cluster.nodes.delete(id);
        await cluster.startNode(id);
        expect(await cluster.runtime.until(() => cluster.everyShardHasALeader() && cluster.converged())).toBe(true);
        expect(cluster.node(id).status().quarantine).toBeUndefined();
      }
      expect(await cluster.text('counter')).toBe('20');
      expect(await write(cluster, 'counter', 'again', revision)).toBeGreaterThan(revision + 40);
      for (const { raft } of cluster.replicas(0)) expect(raft.term).toBeGreaterThan(edge - 8);
      for (const id of ids) expect(cluster.disk(id).position).toBeGreaterThan(edge);
    },
  );
});
