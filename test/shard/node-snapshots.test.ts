import { describe, expect, it } from 'vitest';
import { StorageFailure } from '../../src/raft/index.js';
import { groupOfShard, type Storage } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

/** Checkpoints after a little data, and logs that retain almost nothing. */
const SHORT_LOGS = { checkpoints: { bytes: 4_000, keepEntries: 2, followerBytes: 0 } };

async function behind(): Promise<{ cluster: VirtualCluster; late: number }> {
  const cluster = await VirtualCluster.start({ shards: 1, node: SHORT_LOGS });
  const late = [1, 2, 3].find((id) => id !== cluster.leader(0))!;
  await cluster.put('before', 'x');
  await cluster.kill(late);
  for (let i = 0; i < 100; i++) await cluster.put(`key-${i % 40}`, `value-${i}-${'.'.repeat(100)}`);
  await cluster.runtime.run(2_000);
  return { cluster, late };
}

describe('checkpoints and snapshots', () => {
  it('compact the log behind a durable checkpoint', async () => {
    const { cluster } = await behind();
    const { raft } = cluster.group(cluster.leader(0), 0)!;
    expect(raft.firstIndex).toBeGreaterThan(50);
    expect(await cluster.text('key-7')).toContain('value-87');
  });

  it('s62 a replica that is behind the log gets a snapshot, and then serves the same state', async () => {
    const { cluster, late } = await behind();
    await cluster.startNode(late);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    expect(cluster.group(late, 0)!.raft.firstIndex).toBeGreaterThan(50);
    expect(cluster.group(late, 0)!.keys).toBe(41);
  });

  it('a snapshot of many chunks arrives although messages are lost', async () => {
    const cluster = await VirtualCluster.start({ shards: 1, node: SHORT_LOGS });
    const late = [1, 2, 3].find((id) => id !== cluster.leader(0))!;
    await cluster.kill(late);
    for (let i = 0; i < 12; i++) await cluster.put(`key-${i}`, String(i).repeat(120_000));
    await cluster.runtime.run(2_000);
    let chunks = 0;
    let lost = 0;
    cluster.network.dropWhen((_from, _to, message) => {
      if (message.type !== 'raft' || message.message.type !== 'snapshot') return false;
      chunks++;
      if (chunks % 3 !== 0) return false;
      lost++;
      return true;
    });
    await cluster.startNode(late);
    expect(await cluster.runtime.until(() => cluster.converged(), 60_000)).toBe(true);
    expect(chunks).toBeGreaterThan(5);
    expect(lost).toBeGreaterThan(1);
    expect(cluster.group(late, 0)!.keys).toBe(12);
  });

  it('row 25 a malformed chunk changes nothing, and the true snapshot still arrives', async () => {
    const { cluster, late } = await behind();
    const forged = cluster.leader(0);
    await cluster.kill(forged);
    expect(await cluster.runtime.until(() => cluster.leaders(0).length === 1)).toBe(false);
    await cluster.startNode(late);
    const forger = cluster.network.node(forged);
    await forger.start({ onMessages: () => undefined, onLink: () => undefined });
    const term = Math.max(...cluster.replicas(0).map((g) => g.raft.term)) + 1;
    const meta = { index: 1_000, term: 1, configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [] } };
    for (const done of [false, true]) {
      const message = {
        type: 'snapshot',
        from: forged,
        to: late,
        term,
        meta,
        sequence: 0,
        data: Buffer.from('no rows'),
        done,
      } as const;
      forger.send(late, { type: 'raft', group: groupOfShard(0), message });
      forger.flush();
      await cluster.runtime.run(20);
    }
    expect(await cluster.runtime.until(() => cluster.everyShardHasALeader() && cluster.converged())).toBe(true);
    expect(cluster.node(late).state()).toBe('serving');
    expect(cluster.group(late, 0)!.raft.commit).toBeLessThan(1_000);
    expect(cluster.group(late, 0)!.keys).toBe(41);
  });

  it('s64 the dedup table is part of the snapshot: a retry is not applied again (M13)', async () => {
    const { cluster, late } = await behind();
    const operationId = cluster.operationId();
    const first = await cluster.put('once', 'first', { operationId });
    await cluster.put('once', 'second');
    for (let i = 0; i < 60; i++) await cluster.put(`more-${i}`, '.'.repeat(200));
    await cluster.runtime.run(2_000);
    await cluster.startNode(late);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    // Only the late replica and one other are up, and leadership is transferred to the late one.
    const leader = cluster.leader(0);
    expect(leader).not.toBe(late);
    await cluster.kill(leader);
    const again = await cluster.put('once', 'first', { operationId });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await cluster.text('once')).toBe('second');
  });

  it('s43 a node that is killed at any time comes back with an applied index that fits its state', async () => {
    const cluster = await VirtualCluster.start({ shards: 2, node: SHORT_LOGS, seed: 7 });
    for (let round = 0; round < 8; round++) {
      const victim = 1 + (round % 3);
      for (let i = 0; i < 20; i++) await cluster.put(`key-${i}`, `${round}-${i}-${'.'.repeat(150)}`);
      await cluster.kill(victim);
      for (let i = 0; i < 10; i++) await cluster.put(`key-${i}`, `${round}-${i}-late`);
      await cluster.startNode(victim);
      expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
    }
    expect(await cluster.text('key-3')).toBe('7-3-late');
  });

  it('a node whose disk fails closes the snapshots that it was sending', async () => {
    const disk = { fails: false, copies: 0 };
    const watch = (inner: Storage): Storage =>
      new Proxy(inner, {
        get: (target, name) => {
          if (name === 'commit' && disk.fails) return () => Promise.reject(new StorageFailure('input/output error'));
          if (name === 'openSnapshot') {
            return async (group: number) => {
              const reader = await inner.openSnapshot(group);
              if (reader === undefined) return undefined;
              disk.copies++;
              const close = (): void => {
                disk.copies--;
                reader.close();
              };
              return { meta: reader.meta, bytes: reader.bytes, next: reader.next.bind(reader), close };
            };
          }
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
        },
      });
    const cluster = await VirtualCluster.start({ shards: 1, node: SHORT_LOGS, storage: (_id, inner) => watch(inner) });
    const leader = cluster.leader(0);
    const late = [1, 2, 3].find((id) => id !== leader)!;
    await cluster.kill(late);
    for (let i = 0; i < 12; i++) await cluster.put(`key-${i}`, String(i).repeat(120_000));
    await cluster.runtime.run(2_000);
    cluster.network.dropWhen((_from, _to, message) => message.type === 'raft' && message.message.type === 'snapshot');
    await cluster.startNode(late);
    expect(await cluster.runtime.until(() => disk.copies === 1)).toBe(true);
    disk.fails = true;
    void cluster.put('key', 'value').catch(() => undefined);
    expect(await cluster.runtime.until(() => cluster.node(leader).state() === 'failed')).toBe(true);
    await cluster.runtime.run(10);
    expect(disk.copies).toBe(0);
  });
});
