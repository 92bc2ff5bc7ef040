import { describe, expect, it } from 'vitest';
import { bytes, Cluster, entries, heartbeat, options, Replica } from './harness.js';

describe('quiet', () => {
  const quiet = (): Cluster => {
    const cluster = new Cluster(3, (id) => ({ quiesceTicks: 4, random: () => id / 4 }));
    cluster.elect(1);
    cluster.tick(12);
    return cluster;
  };

  it('s74 a level group falls quiet: no tick does anything any more', () => {
    const cluster = quiet();
    for (const id of [1, 2, 3]) expect(cluster.raft(id).quiesced).toBe(true);
    for (let i = 0; i < 100; i++) for (const id of [1, 2, 3]) cluster.raft(id).tick();
    for (const id of [1, 2, 3]) expect(cluster.raft(id).hasReady()).toBe(false);
  });

  it('s74 a proposal, a read or a vote wakes it', () => {
    const proposed = quiet();
    proposed.raft(1).propose([bytes('a')]);
    proposed.settle();
    proposed.tick(1);
    for (const id of [1, 2, 3]) {
      expect(proposed.raft(id).log.commit).toBe(2);
      expect(proposed.raft(id).quiesced).toBe(false);
    }
    const read = quiet();
    read.raft(1).readIndex();
    read.settle();
    expect(read.get(1).reads).toHaveLength(1);
    expect(read.raft(2).quiesced).toBe(false);
    const campaigned = quiet();
    campaigned.raft(3).campaign();
    campaigned.settle();
    expect(campaigned.raft(1).role).toBe('leader');
    expect(campaigned.raft(3).leader).toBe(1);
  });

  it('s74 a group with a silent member, or one that lags, stays awake', () => {
    const cluster = new Cluster(3, () => ({ quiesceTicks: 15 }));
    cluster.elect(1);
    cluster.isolate(3);
    cluster.tick(40, [1, 2]);
    expect(cluster.raft(1).quiesced).toBe(false);
  });

  it('s74 a follower that lacks something does not stop its clock, and the leader wakes', () => {
    const replica = new Replica(
      options(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 }, entries: entries(1, 1) }),
    );
    replica.raft.step(heartbeat({ quiesce: true, commit: 1 }));
    expect(replica.raft.quiesced).toBe(false);
    replica.raft.step(heartbeat({ quiesce: true, commit: 2 }));
    expect(replica.raft.quiesced).toBe(true);
    replica.raft.step(heartbeat({ commit: 2 }));
    expect(replica.raft.quiesced).toBe(false);
    const cluster = quiet();
    cluster.raft(1).step({ type: 'heartbeat-ok', from: 2, to: 1, term: 1, readContext: 0, lastIndex: 0 });
    expect(cluster.raft(1).quiesced).toBe(false);
  });

  it('s74 followers that are told that the leader is dead elect another soon', () => {
    const cluster = quiet();
    cluster.isolate(1);
    cluster.raft(2).forgetLeader();
    cluster.raft(3).forgetLeader();
    expect(cluster.raft(2).leader).toBe(0);
    cluster.tick(6, [2, 3]);
    expect([2, 3].map((id) => cluster.raft(id).role).sort()).toEqual(['follower', 'leader']);
  });

  it('s74 … and never split the votes, though they tick together, for it is not the turn of two at once', () => {
    const draws = [0, 0.3, 0.5, 0.99];
    for (const [one, two] of draws.flatMap((draw) => draws.map((other) => [draw, other] as const))) {
      const chance = new Map([
        [2, 0.5],
        [3, 0.75],
      ]);
      const cluster = new Cluster(3, (id) => ({ random: () => chance.get(id) ?? 0 }));
      cluster.elect(1);
      cluster.isolate(1);
      chance.set(2, one);
      chance.set(3, two);
      cluster.raft(2).forgetLeader();
      cluster.raft(3).forgetLeader();
      const { term } = cluster.raft(2);
      cluster.tick(5, [2, 3]);
      expect([2, 3].map((id) => cluster.raft(id).role).sort()).toEqual(['follower', 'leader']);
      expect(cluster.raft(2).term).toBe(term + 1);
    }
  });

  it('a leader that was wrongly called dead is heard again, and the short timeout is over', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.raft(2).forgetLeader();
    cluster.raft(1).readIndex();
    cluster.settle();
    expect(cluster.raft(2).leader).toBe(1);
    cluster.tick(9, [2]);
    expect(cluster.raft(2).role).toBe('follower');
  });
});
