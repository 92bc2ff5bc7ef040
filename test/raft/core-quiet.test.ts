import { describe, expect, it } from 'vitest';
import { heartbeat, FROM_LEADER } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { bytes, logOf } from './harness/entries.js';
import { Single } from './harness/single.js';

describe('quiescence', () => {
  const quiet = (): Cluster => {
    const cluster = new Cluster({ timing: (id) => ({ quiesceTicks: 4, random: () => id / 4 }) });
    cluster.elect(1);
    cluster.run(12);
    return cluster;
  };

  it('s74 a group whose members are up to date goes quiescent: ticks have no effect', () => {
    const cluster = quiet();
    for (const id of [1, 2, 3]) expect(cluster.node(id).raft.quiesced).toBe(true);
    for (let i = 0; i < 100; i++) for (const id of [1, 2, 3]) cluster.node(id).raft.tick();
    for (const id of [1, 2, 3]) expect(cluster.node(id).raft.hasReady()).toBe(false);
  });

  it('s74 a proposal, a read or a vote wakes it', () => {
    const proposed = quiet();
    proposed.node(1).raft.propose([bytes('a')]);
    proposed.settle();
    proposed.run(1);
    for (const id of [1, 2, 3]) {
      expect(proposed.node(id).raft.log.commit).toBe(2);
      expect(proposed.node(id).raft.quiesced).toBe(false);
    }
    const read = quiet();
    read.read(1);
    read.settle();
    expect(read.eventsOf('read-confirmed', 1)).toHaveLength(1);
    expect(read.node(2).raft.quiesced).toBe(false);
    const campaigned = quiet();
    campaigned.node(3).raft.campaign();
    campaigned.settle();
    expect(campaigned.node(1).raft.role).toBe('leader');
    expect(campaigned.node(3).raft.leader).toBe(1);
  });

  it('s74 a group with a silent member, or one that lags, stays awake', () => {
    const cluster = new Cluster({ timing: { quiesceTicks: 15 } });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.run(40, [1, 2]);
    expect(cluster.node(1).raft.quiesced).toBe(false);
  });

  it('s74 a follower that lacks an entry does not stop its election timer, and the leader wakes', () => {
    const replica = new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 }, entries: logOf([1, 1]) });
    replica.raft.step(heartbeat({ ...FROM_LEADER, quiesce: true, commit: 1 }));
    expect(replica.raft.quiesced).toBe(false);
    replica.raft.step(heartbeat({ ...FROM_LEADER, quiesce: true, commit: 2 }));
    expect(replica.raft.quiesced).toBe(true);
    replica.raft.step(heartbeat({ ...FROM_LEADER, commit: 2 }));
    expect(replica.raft.quiesced).toBe(false);
    const cluster = quiet();
    cluster.node(1).raft.step({ type: 'heartbeat-ok', from: 2, to: 1, term: 1, readContext: 0, lastIndex: 0 });
    expect(cluster.node(1).raft.quiesced).toBe(false);
  });

  it('s74 followers whose owner reports the leader dead elect another soon', () => {
    const cluster = quiet();
    cluster.isolate(1);
    cluster.node(2).raft.forgetLeader();
    cluster.node(3).raft.forgetLeader();
    expect(cluster.node(2).raft.leader).toBe(0);
    cluster.run(6, [2, 3]);
    expect([2, 3].map((id) => cluster.node(id).raft.role).sort()).toEqual(['follower', 'leader']);
  });

  it('s74 such followers never split the vote, although they tick together: no two campaign at the same tick', () => {
    const numbers = [0, 0.3, 0.5, 0.99];
    for (const [one, two] of numbers.flatMap((number) => numbers.map((other) => [number, other] as const))) {
      const random = new Map([
        [2, 0.5],
        [3, 0.75],
      ]);
      const cluster = new Cluster({ timing: (id) => ({ random: () => random.get(id) ?? 0 }) });
      cluster.elect(1);
      cluster.isolate(1);
      random.set(2, one);
      random.set(3, two);
      cluster.node(2).raft.forgetLeader();
      cluster.node(3).raft.forgetLeader();
      const { term } = cluster.node(2).raft;
      cluster.run(5, [2, 3]);
      expect([2, 3].map((id) => cluster.node(id).raft.role).sort()).toEqual(['follower', 'leader']);
      expect(cluster.node(2).raft.term).toBe(term + 1);
    }
  });

  it('a message of a leader wrongly reported dead ends the short timeout', () => {
    const cluster = new Cluster({ timing: { random: () => 0 } });
    cluster.elect(1);
    cluster.node(2).raft.forgetLeader();
    cluster.read(1);
    cluster.settle();
    expect(cluster.node(2).raft.leader).toBe(1);
    cluster.run(9, [2]);
    expect(cluster.node(2).raft.role).toBe('follower');
  });
});
