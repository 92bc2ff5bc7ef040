/** Scenarios 18–25: PreVote and CheckQuorum prevent disruption without blocking elections. */
import { describe, expect, it } from 'vitest';
import { alone, answers, answersOf, heartbeat, heartbeatOk, lead, vote, voteAnswer } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { logOf } from './harness/entries.js';

const T = 10;

describe('pre-vote', () => {
  it('s18 an isolated node comes back with its old term and does not disturb the leader', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(3);
    cluster.run(10 * T);
    expect(cluster.status(3)).toMatchObject({ role: 'pre-candidate', term: 1, vote: 1 });
    cluster.propose(1, 'a');
    cluster.settle();
    cluster.heal();
    cluster.run(3 * T);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    expect(cluster.status(3)).toMatchObject({ role: 'follower', term: 1, leader: 1 });
    expect(cluster.state(3)).toEqual(['a']);
  });

  it.each([true, false])('s19 a pre-vote changes neither term nor vote of either side (granted: %s)', (granted) => {
    const cluster = alone({ log: [1, 2], hardState: { term: 4, vote: 3 } });
    cluster.inject(vote({ from: 2, term: 5, preVote: true, lastIndex: 2, lastTerm: granted ? 2 : 1 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 2, preVote: true, granted }]);
    expect(cluster.status(1)).toMatchObject({ term: 4, vote: 3 });
    cluster.campaign(1);
    cluster.inject(voteAnswer({ from: 2, term: granted ? 5 : 4, preVote: true, granted: false }));
    cluster.sync(1);
    expect(cluster.node(1).disk.hardState).toMatchObject(granted ? { term: 5, vote: 0 } : { term: 4, vote: 3 });
  });

  it('s19 granted pre-votes are for a term that the voter has not entered', () => {
    const cluster = alone({ hardState: { term: 4 } });
    cluster.inject(vote({ from: 2, term: 5, preVote: true }));
    cluster.inject(vote({ from: 3, term: 5, preVote: true }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([
      { to: 2, granted: true, term: 5 },
      { to: 3, granted: true, term: 5 },
    ]);
    expect(cluster.status(1).term).toBe(4);
  });

  it('s19 a pre-candidate that loses does not enter the next term', () => {
    const cluster = alone({ hardState: { term: 4 } });
    cluster.campaign(1);
    cluster.inject(voteAnswer({ from: 2, term: 4, preVote: true, granted: false }));
    cluster.inject(voteAnswer({ from: 3, term: 4, preVote: true, granted: false }));
    expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 4, vote: 0 });
  });
});

describe('a voter with a live leader', () => {
  const asked = (preVote: boolean, forced: boolean) => vote({ from: 3, term: 5, preVote, forced });

  it.each([true, false])('s20 refuses (pre-vote: %s) within an election timeout, grants after it', (preVote) => {
    const cluster = alone({ hardState: { term: 4 } });
    cluster.inject(heartbeat({ from: 2, term: 4 }));
    cluster.tick(1, T - 1);
    cluster.sync(1);
    answers(cluster);
    cluster.inject(asked(preVote, false));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer').filter(({ granted }) => granted)).toEqual([]);
    expect(cluster.status(1)).toMatchObject({ term: 4, vote: 0, leader: 2 });
    cluster.forgetLeader(1);
    cluster.inject(asked(preVote, false));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: true, term: 5 }]);
  });

  it.each([true, false])('s20 grants (pre-vote: %s) once an election timeout has passed in silence', (preVote) => {
    const cluster = alone({ hardState: { term: 4 }, timing: { random: () => 0.99 } });
    cluster.inject(heartbeat({ from: 2, term: 4 }));
    cluster.tick(1, T);
    cluster.sync(1);
    answers(cluster);
    cluster.inject(asked(preVote, false));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: true, term: 5 }]);
  });

  it('s20 grants when a transfer forces it', () => {
    const cluster = alone({ hardState: { term: 4 } });
    cluster.inject(heartbeat({ from: 2, term: 4 }));
    cluster.inject(asked(false, true));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: true, term: 5 }]);
  });

  it('s20 a leader with an active quorum is not deposed by a plain vote request of a higher term', () => {
    const cluster = alone();
    lead(cluster);
    cluster.inject(heartbeatOk({ from: 2, term: 1 }));
    cluster.inject(vote({ from: 3, term: 7, lastIndex: 9, lastTerm: 6 }));
    cluster.inject(vote({ from: 3, term: 7, lastIndex: 9, lastTerm: 6, preVote: true }));
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });
});

describe('check-quorum', () => {
  it('s21 a leader without an active quorum for an election timeout steps down, in its own term', () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    cluster.partition([1, 2], [3, 4, 5]);
    for (let tick = 0; tick < 2 * T; tick++) {
      cluster.tick(1);
      cluster.tick(2);
      cluster.settle();
    }
    expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 1, leader: 0 });
    expect(cluster.propose(1, 'a')).toMatchObject({ type: 'refused', reason: 'not-leader', leader: 0 });
  });

  it('s22 a leader with an active quorum stays, however long', () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    cluster.partition([1, 2, 3]);
    cluster.run(20 * T);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    expect(
      cluster
        .status(1)
        .peers.map(({ recentlyActive }) => recentlyActive)
        .filter(Boolean).length,
    ).toBeGreaterThanOrEqual(2);
  });

  it('s22 a learner’s answers do not keep a leader', () => {
    const cluster = new Cluster({ voters: [1, 2, 3], learners: [4, 5] });
    cluster.elect(1);
    cluster.partition([1, 4, 5]);
    for (let tick = 0; tick < 2 * T; tick++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(cluster.status(1).role).toBe('follower');
  });
});

describe('no lock-up', () => {
  it('s23 a node stuck in a higher term gets back into the group', () => {
    const cluster = new Cluster({ disks: { 3: { hardState: { term: 9, vote: 3, commit: 0 } } } });
    cluster.isolate(3);
    cluster.elect(1);
    cluster.propose(1, 'a');
    cluster.run(T);
    expect(cluster.status(1).term).toBe(1);
    cluster.heal();
    cluster.run(5 * T);
    expect(cluster.leader()).not.toBe(0);
    expect(cluster.status(3)).toMatchObject({ leader: cluster.leader(), term: cluster.status(cluster.leader()).term });
    expect(cluster.status(3).term).toBeGreaterThanOrEqual(9);
    expect(cluster.state(3)).toEqual(['a']);
  });

  it.each([
    ['an equal term', 3],
    ['a higher term', 8],
    ['a lower term', 1],
  ])('s24 the leader is gone and a node with %s is behind: the others still elect', (_, term) => {
    const cluster = new Cluster({
      disks: {
        2: { entries: logOf([1, 2, 3]), hardState: { term: 3, vote: 1, commit: 0 } },
        3: { entries: logOf([1]), hardState: { term, vote: 0, commit: 0 } },
      },
    });
    cluster.crash(1);
    cluster.run(8 * T);
    expect(cluster.leader()).toBe(2);
    expect(cluster.terms(3)).toEqual(cluster.terms(2));
  });

  const links = [1, 2, 3].flatMap((from) =>
    [1, 2, 3].filter((to) => to !== from).map((to): [number, number] => [from, to]),
  );
  it.each(links)('s25 with the link %i>%i cut one way the group keeps a leader and its terms stay', (from, to) => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.network.cut(from, to);
    cluster.run(10 * T);
    const leader = cluster.leader();
    expect(leader).not.toBe(0);
    const { term, commit } = cluster.status(leader);
    expect(term).toBeLessThanOrEqual(2);
    cluster.run(30 * T);
    expect(cluster.leader()).toBe(leader);
    expect(cluster.status(leader).term).toBe(term);
    cluster.propose(leader, 'a');
    cluster.run(2);
    expect(cluster.status(leader).commit).toBe(commit + 1);
  });

  it('s25 a leader that can send but not receive steps down, and does not disturb its successor', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.network.cut(2, 1);
    cluster.network.cut(3, 1);
    cluster.run(10 * T);
    const leader = cluster.leader();
    expect([2, 3]).toContain(leader);
    const { term } = cluster.status(leader);
    cluster.run(30 * T);
    expect(cluster.leader()).toBe(leader);
    expect(cluster.status(leader).term).toBe(term);
  });
});
