import { describe, expect, it } from 'vitest';
import { bytes, Cluster, of, options, Replica } from './harness.js';

describe('reads', () => {
  it('s46 one heartbeat round confirms every read since the last ready, at the commit index of their moment', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    const contexts = [cluster.raft(1).readIndex(), cluster.raft(1).readIndex()];
    expect(contexts).toMatchObject([{ context: 1 }, { context: 2 }]);
    const sent = cluster.settle();
    expect(of(sent, 'heartbeat').map((m) => [m.to, m.readContext])).toEqual([
      [2, 2],
      [3, 2],
    ]);
    expect(cluster.get(1).reads).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ]);
  });

  it('s49 a confirmation of an earlier round does not confirm a later read', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.raft(1).readIndex();
    cluster.get(1).take();
    cluster.raft(1).readIndex();
    cluster.get(1).take();
    cluster.raft(1).step({ type: 'heartbeat-ok', from: 2, to: 1, term: 1, readContext: 1, lastIndex: 1 });
    expect(cluster.get(1).take().reads).toEqual([{ context: 1, index: 1 }]);
  });

  it('s46 a lost round is made up for by the next heartbeat', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.raft(1).readIndex();
    cluster.settle();
    expect(cluster.get(1).reads).toEqual([]);
    cluster.heal();
    cluster.tick(2, [1]);
    expect(cluster.get(1).reads).toEqual([{ context: 1, index: 1 }]);
  });

  it('s48 a deposed leader’s reads are lost, not answered', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.raft(1).readIndex();
    cluster.tick(25);
    expect(cluster.raft(1).role).not.toBe('leader');
    expect(cluster.get(1).reads).toEqual([]);
    expect(cluster.get(1).readsLost).toEqual([1]);
  });

  it('s51 a learner’s answer confirms nothing', () => {
    const configuration = { voters: [1, 2], votersOutgoing: [], learners: [3] };
    const cluster = new Cluster(3, () => ({ configuration }));
    cluster.elect(1);
    cluster.isolate(2);
    cluster.raft(1).readIndex();
    cluster.settle();
    expect(cluster.get(1).reads).toEqual([]);
  });
});

describe('leadership transfer', () => {
  it('s52 the target catches up, then takes over at once; no proposal is taken meanwhile', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.raft(1).propose(['a', 'b'].map(bytes));
    cluster.settle();
    expect(cluster.raft(1).transferLeadership(3)).toBe('started');
    expect(cluster.raft(1).propose([bytes('c')])).toEqual({ type: 'refused', reason: 'transferring', leader: 1 });
    cluster.heal();
    cluster.tick(6);
    expect(cluster.raft(3).status()).toMatchObject({ role: 'leader', term: 2, commit: 4 });
    expect(cluster.raft(1).leader).toBe(3);
  });

  it('s52 is given up after an election timeout', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.isolate(3);
    expect(cluster.raft(1).transferLeadership(3)).toBe('started');
    cluster.tick(9, [1]);
    expect(cluster.raft(1).propose([bytes('a')]).type).toBe('refused');
    cluster.tick(1, [1]);
    expect(cluster.raft(1).propose([bytes('a')]).type).toBe('appended');
  });

  it('s53 to itself, to nobody, to a learner, by a follower; a second one replaces the first', () => {
    const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [4] };
    const cluster = new Cluster(4, () => ({ configuration }));
    cluster.elect(1);
    expect(cluster.raft(1).transferLeadership(1)).toBe('already-leader');
    expect(cluster.raft(1).transferLeadership(9)).toBe('no-such-voter');
    expect(cluster.raft(1).transferLeadership(4)).toBe('no-such-voter');
    expect(cluster.raft(2).transferLeadership(3)).toBe('not-leader');
    cluster.isolate(2);
    expect(cluster.raft(1).transferLeadership(2)).toBe('started');
    expect(cluster.raft(1).transferLeadership(2)).toBe('started');
    expect(cluster.raft(1).transferLeadership(3)).toBe('started');
    cluster.settle();
    expect(cluster.raft(3).role).toBe('leader');
  });

  it('s52 a target that just began to ask for pre-votes stands in earnest, and a candidate goes on', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.raft(2).campaign();
    expect(cluster.raft(2).role).toBe('pre-candidate');
    cluster.raft(2).step({ type: 'timeout-now', from: 1, to: 2, term: 1 });
    expect(cluster.raft(2).status()).toMatchObject({ role: 'candidate', term: 2 });
    cluster.raft(2).step({ type: 'timeout-now', from: 1, to: 2, term: 2 });
    expect(cluster.raft(2).status()).toMatchObject({ role: 'candidate', term: 2 });
    cluster.settle();
    expect(cluster.raft(2).role).toBe('leader');
  });

  it('s52 a timeout-now that was lost is said again', () => {
    const cluster = new Cluster(3);
    cluster.elect(1);
    cluster.passes = (message) => message.type !== 'timeout-now';
    cluster.raft(1).transferLeadership(2);
    cluster.settle();
    cluster.heal();
    cluster.tick(3);
    expect(cluster.raft(2).role).toBe('leader');
  });
});

describe('leases', () => {
  const leased = (): Cluster => {
    const cluster = new Cluster(3, (id) => ({ leaseReads: true, random: () => id / 4 }));
    cluster.elect(1);
    cluster.tick(2);
    return cluster;
  };

  it('s50 a voter keeps its promise through a call to stand, a forgotten leader and a newer term', () => {
    const cluster = leased();
    cluster.isolate(1);
    cluster.raft(2).campaign();
    cluster.raft(2).forgetLeader();
    cluster.raft(2).step({ type: 'term-notice', from: 3, to: 2, term: 9 });
    cluster.raft(2).campaign();
    expect(cluster.raft(2).status()).toMatchObject({ role: 'follower', term: 9, leader: 0 });
    cluster.raft(2).step({
      type: 'vote',
      from: 3,
      to: 2,
      term: 10,
      preVote: true,
      lastIndex: 9,
      lastTerm: 9,
      forced: false,
    });
    expect(of(cluster.get(2).run(), 'vote-answer')).toMatchObject([{ granted: false }]);
    cluster.tick(25, [2, 3]);
    expect([2, 3].some((id) => cluster.raft(id).role === 'leader')).toBe(true);
  });

  it('s50 a restarted voter does not know whom it promised its vote, and gives none for an election timeout', () => {
    const { raft } = new Replica(
      options(2, [1, 2, 3], { leaseReads: true, hardState: { term: 1, vote: 1, commit: 0 } }),
    );
    const vote = { type: 'vote', from: 3, to: 2, term: 2, preVote: false, lastIndex: 0, lastTerm: 0 } as const;
    raft.step({ ...vote, forced: false });
    expect(raft.term).toBe(1);
    for (let i = 0; i < 10; i++) raft.tick();
    raft.step({ ...vote, forced: false });
    expect(raft.status()).toMatchObject({ term: 2, vote: 3 });
  });

  it('s50 a lease is worth nothing before the first commit, nor after a transfer was begun', () => {
    const cluster = leased();
    expect(cluster.raft(1).mayReadByLease).toBe(true);
    expect(cluster.raft(2).mayReadByLease).toBe(false);
    cluster.isolate(3);
    cluster.raft(1).transferLeadership(3);
    cluster.tick(11, [1, 2]);
    expect(cluster.raft(1).propose([bytes('a')]).type).toBe('appended');
    expect(cluster.raft(1).mayReadByLease).toBe(false);
  });
});
