/** Promises that earlier incarnations of a node made, with other timers or with lease reads, bind it after a restart. */
import { describe, expect, it } from 'vitest';
import { Raft } from '../../src/raft/index.js';
import { MemoryStorage } from '../../src/raft/storage/index.js';
import { LeasePromises } from '../../src/shard/cluster/promises.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

class Folder {
  readonly meta = new Map<string, Uint8Array>();
  readonly putMeta = (name: string, value: Uint8Array): Promise<void> => {
    this.meta.set(name, value);
    return Promise.resolve();
  };

  async start(ownMs: number): Promise<LeasePromises> {
    const promises = new LeasePromises(this);
    await promises.start(this.meta, ownMs);
    return promises;
  }
}

describe('s50 promises of earlier incarnations', () => {
  it('bind for their full duration plus two ticks, whatever the timers are now', async () => {
    const folder = new Folder();
    expect((await folder.start(400)).remainingTicks(50)).toBe(0);
    expect((await folder.start(90)).remainingTicks(50)).toBe(10);
    expect((await folder.start(0)).remainingTicks(30)).toBe(16);
  });

  it('count as the longest that was ever made', async () => {
    const folder = new Folder();
    for (const ownMs of [400, 900, 0, 100]) await folder.start(ownMs);
    expect((await folder.start(0)).remainingTicks(100)).toBe(11);
  });

  it('are none where nothing was ever promised', async () => {
    const folder = new Folder();
    await folder.start(0);
    expect((await folder.start(0)).remainingTicks(50)).toBe(0);
    expect(folder.meta.size).toBe(0);
  });

  it('keep a replica from voting and campaigning until they have expired', () => {
    const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };
    const raft = new Raft({
      id: 1,
      configuration,
      hardState: { term: 1, vote: 0, commit: 0 },
      snapshot: { index: 0, term: 0, configuration },
      entries: [],
      electionTicks: 3,
      heartbeatTicks: 1,
      random: () => 0,
      maxAppendBytes: 1,
      maxInflight: 1,
      maxUncommittedBytes: 1,
      quiesceTicks: 0,
      owedTicks: 8,
    });
    const grants = (): boolean => {
      const vote = { type: 'vote', from: 2, to: 1, preVote: true, forced: false, lastIndex: 0, lastTerm: 0 } as const;
      raft.step({ ...vote, term: raft.term + 1 });
      const { messages, write } = raft.ready();
      return [...messages, ...(write?.messages ?? [])].some((m) => m.type === 'vote-answer' && m.granted);
    };
    for (let tick = 0; tick < 8; tick++) {
      expect([raft.role, grants()]).toEqual(['follower', false]);
      raft.tick();
    }
    expect(grants()).toBe(true);
  });

  it('keep a node from campaigning by the promise in its folder, if longer than its timers and lease reads imply', async () => {
    const cluster = await VirtualCluster.start({ nodes: 3, replicas: 3, shards: 1 });
    const back = cluster.leader(0);
    for (const id of [1, 2, 3]) await cluster.kill(id);
    const storage = new MemoryStorage(cluster.disks.get(back)!);
    await storage.open();
    await storage.putMeta('promise', Buffer.from('30000'));
    await storage.close();
    const [other = 0] = [1, 2, 3].filter((id) => id !== back);
    const restartedAt = cluster.runtime.now();
    await cluster.startNode(back);
    // The third node is down, and the one that is bound must not vote.
    await cluster.startNode(other);
    expect(await cluster.runtime.until(() => cluster.leaders(0).length > 0, 60_000)).toBe(true);
    expect(cluster.runtime.now() - restartedAt).toBeGreaterThanOrEqual(30_000);
  });

  it('keep a node that restarts without lease reads from campaigning at once', async () => {
    const cluster = await VirtualCluster.start({ nodes: 3, replicas: 3, shards: 1, leaseReads: true });
    // The preferred leader, which campaigns as soon as it starts.
    const back = cluster.leader(0);
    const [other = 0] = [1, 2, 3].filter((id) => id !== back);
    await cluster.kill(other);
    await cluster.kill(back);
    await cluster.runtime.run(3_000);
    const restartedAt = cluster.runtime.now();
    await cluster.startNode(back, { ...cluster.clusterConfig, leaseReads: false });
    expect(await cluster.runtime.until(() => cluster.leaders(0).length > 0, 5_000)).toBe(true);
    // 400 ms were promised with the default timers.
    expect(cluster.runtime.now() - restartedAt).toBeGreaterThanOrEqual(400);
  });
});
