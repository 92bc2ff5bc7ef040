import { describe, expect, it } from 'vitest';
import { Cluster } from './harness/cluster.js';
import { bytes } from './harness/entries.js';
import { Single } from './harness/single.js';

describe('reads', () => {
  /** Reads that n1 has confirmed. */
  const reads = (cluster: Cluster) =>
    cluster.eventsOf('read-confirmed', 1).map(({ context, index, promiseMs }) => ({ context, index, promiseMs }));

  it('s46 one heartbeat round confirms every read since the last ready, at the commit index of their arrival', () => {
    const cluster = new Cluster({ unchecked: true });
    cluster.elect(1);
    cluster.clearEvents();
    const contexts = [cluster.node(1).raft.readIndex(), cluster.node(1).raft.readIndex()];
    expect(contexts).toMatchObject([{ context: 1 }, { context: 2 }]);
    cluster.settle();
    expect(cluster.sent('heartbeat').map((m) => [m.to, m.readContext])).toEqual([
      [2, 2],
      [3, 2],
    ]);
    expect(reads(cluster)).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ]);
  });

  it('s49 a confirmation of an earlier round does not confirm a later read', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.read(1);
    cluster.read(1);
    cluster.node(1).raft.step({ type: 'heartbeat-ok', from: 2, to: 1, term: 1, readContext: 1, lastIndex: 1 });
    expect(cluster.node(1).take().reads).toEqual([{ context: 1, index: 1 }]);
  });

  it('s46 a lost round is made up for by the next heartbeat', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(1);
    cluster.read(1);
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
    cluster.heal();
    cluster.run(2, [1]);
    expect(reads(cluster)).toEqual([{ context: 1, index: 1 }]);
  });

  it('s48 a deposed leader’s reads are lost, not answered', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(1);
    cluster.read(1);
    cluster.run(25);
    expect(cluster.node(1).raft.role).not.toBe('leader');
    expect(reads(cluster)).toEqual([]);
    expect(cluster.eventsOf('read-lost', 1)).toMatchObject([{ context: 1 }]);
  });

  it('s51 a learner’s answer confirms nothing', () => {
    const cluster = new Cluster({ voters: [1, 2], learners: [3] });
    cluster.elect(1);
    cluster.isolate(2);
    cluster.read(1);
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
  });
});

describe('leadership transfer', () => {
  it('s52 the target catches up, then takes over at once; no proposal is taken meanwhile', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(3);
    cluster.node(1).raft.propose(['a', 'b'].map(bytes));
    cluster.settle();
    expect(cluster.node(1).raft.transferLeadership(3)).toBe('started');
    expect(cluster.node(1).raft.propose([bytes('c')])).toEqual({ type: 'refused', reason: 'transferring', leader: 1 });
    cluster.heal();
    cluster.run(6);
    expect(cluster.node(3).raft.status()).toMatchObject({ role: 'leader', term: 2, commit: 4 });
    expect(cluster.node(1).raft.leader).toBe(3);
  });

  it('s52 is given up after an election timeout', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(3);
    expect(cluster.node(1).raft.transferLeadership(3)).toBe('started');
    cluster.run(9, [1]);
    expect(cluster.node(1).raft.propose([bytes('a')]).type).toBe('refused');
    cluster.run(1, [1]);
    expect(cluster.node(1).raft.propose([bytes('a')]).type).toBe('appended');
  });

  it('s53 to itself, to an unknown node, to a learner, by a follower; a second one replaces the first', () => {
    const cluster = new Cluster({ learners: [4] });
    cluster.elect(1);
    expect(cluster.node(1).raft.transferLeadership(1)).toBe('already-leader');
    expect(cluster.node(1).raft.transferLeadership(9)).toBe('no-such-voter');
    expect(cluster.node(1).raft.transferLeadership(4)).toBe('no-such-voter');
    expect(cluster.node(2).raft.transferLeadership(3)).toBe('not-leader');
    cluster.isolate(2);
    expect(cluster.node(1).raft.transferLeadership(2)).toBe('started');
    expect(cluster.node(1).raft.transferLeadership(2)).toBe('started');
    expect(cluster.node(1).raft.transferLeadership(3)).toBe('started');
    cluster.settle();
    expect(cluster.node(3).raft.role).toBe('leader');
  });

  it('s52 a target that is a pre-candidate starts the election, and a candidate goes on', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.node(2).raft.campaign();
    expect(cluster.node(2).raft.role).toBe('pre-candidate');
    cluster.node(2).raft.step({ type: 'timeout-now', from: 1, to: 2, term: 1 });
    expect(cluster.node(2).raft.status()).toMatchObject({ role: 'candidate', term: 2 });
    cluster.node(2).raft.step({ type: 'timeout-now', from: 1, to: 2, term: 2 });
    expect(cluster.node(2).raft.status()).toMatchObject({ role: 'candidate', term: 2 });
    cluster.settle();
    expect(cluster.node(2).raft.role).toBe('leader');
  });

  it('s52 a timeout-now that was lost is repeated', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.network.passes = (message) => message.type !== 'timeout-now';
    cluster.node(1).raft.transferLeadership(2);
    cluster.settle();
    cluster.heal();
    cluster.run(3);
    expect(cluster.node(2).raft.role).toBe('leader');
  });
});

describe('leases', () => {
  const leased = (): Cluster => {
    const cluster = new Cluster({ timing: (id) => ({ leaseReads: true, random: () => id / 4 }) });
    cluster.elect(1);
    cluster.run(2);
    return cluster;
  };

  it('s50 a voter keeps its promise through a campaign, forgetLeader and a newer term', () => {
    const cluster = leased();
    cluster.isolate(1);
    cluster.node(2).raft.campaign();
    cluster.node(2).raft.forgetLeader();
    cluster.node(2).raft.step({ type: 'term-notice', from: 3, to: 2, term: 9 });
    cluster.node(2).raft.campaign();
    expect(cluster.node(2).raft.status()).toMatchObject({ role: 'follower', term: 9, leader: 0 });
    cluster.node(2).raft.step({
      type: 'vote',
      from: 3,
      to: 2,
      term: 10,
      preVote: true,
      lastIndex: 9,
      lastTerm: 9,
      forced: false,
    });
    cluster.clearEvents();
    cluster.node(2).pump();
    cluster.sync(2);
    expect(cluster.sent('vote-answer', { from: 2 })).toMatchObject([{ granted: false }]);
    cluster.run(25, [2, 3]);
    expect([2, 3].some((id) => cluster.node(id).raft.role === 'leader')).toBe(true);
  });

  it('s50 a restarted voter has lost its promise, and grants no vote for an election timeout', () => {
    const { raft } = new Single(2, [1, 2, 3], { leaseReads: true, hardState: { term: 1, vote: 1, commit: 0 } });
    const vote = { type: 'vote', from: 3, to: 2, term: 2, preVote: false, lastIndex: 0, lastTerm: 0 } as const;
    raft.step({ ...vote, forced: false });
    expect(raft.term).toBe(1);
    for (let i = 0; i < 10; i++) raft.tick();
    raft.step({ ...vote, forced: false });
    expect(raft.status()).toMatchObject({ term: 2, vote: 3 });
  });

  it('s50 a lease is worth nothing before the first commit, nor after a transfer was begun', () => {
    const cluster = leased();
    expect(cluster.node(1).raft.mayReadByLease).toBe(true);
    expect(cluster.node(2).raft.mayReadByLease).toBe(false);
    cluster.isolate(3);
    cluster.node(1).raft.transferLeadership(3);
    cluster.run(11, [1, 2]);
    expect(cluster.node(1).raft.propose([bytes('a')]).type).toBe('appended');
    expect(cluster.node(1).raft.mayReadByLease).toBe(false);
  });
});
