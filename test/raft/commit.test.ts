/** Scenarios 38–45: what is committed, what is applied, and what a proposer may conclude from it. */
import { describe, expect, it } from 'vitest';
import { EntryKind } from '../../src/raft/index.js';
import { alone, answers, answersOf, append, appendOk, heartbeat, lead } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { logOf } from './harness/entries.js';

const T = 10;

describe('a leader commits', () => {
  it.each([
    { voters: 3, acks: [3], commit: 3 },
    { voters: 3, acks: [2], commit: 2 },
    { voters: 4, acks: [3], commit: 0 },
    { voters: 4, acks: [3, 3], commit: 3 },
    { voters: 5, acks: [3], commit: 0 },
    { voters: 5, acks: [3, 2], commit: 2 },
    { voters: 5, acks: [2, 3, 3], commit: 3 },
    { voters: 5, acks: [1, 1, 3], commit: 1 },
  ])('s38 what a majority of $voters holds: others at $acks', ({ voters, acks, commit }) => {
    const cluster = alone({ voters: Array.from({ length: voters }, (_, at) => at + 1) });
    lead(cluster);
    cluster.propose(1, 'a', 'b');
    cluster.sync(1);
    for (const [at, index] of acks.entries()) cluster.inject(appendOk({ from: at + 2, term: 1, index }));
    expect(cluster.status(1).commit).toBe(commit);
  });

  it('s38 everything before the entry, and the next messages carry the commit index', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(2);
    cluster.isolate(3);
    cluster.propose(1, 'a');
    cluster.propose(1, 'b');
    cluster.sync(1);
    expect(cluster.status(1).commit).toBe(1);
    cluster.heal();
    cluster.run(8);
    for (const id of [1, 2, 3]) expect(cluster.state(id)).toEqual(['a', 'b']);
  });

  it('s38 acknowledgements of learners do not count', () => {
    const cluster = alone({ voters: [1, 2, 3], learners: [4, 5] });
    lead(cluster);
    cluster.inject(appendOk({ from: 4, term: 1, index: 1 }));
    cluster.inject(appendOk({ from: 5, term: 1, index: 1 }));
    cluster.inject(appendOk({ from: 9, term: 1, index: 1 }));
    expect(cluster.status(1).commit).toBe(0);
    cluster.inject(appendOk({ from: 3, term: 1, index: 1 }));
    expect(cluster.status(1).commit).toBe(1);
  });

  it('s39 not an entry of an older term by counting, but with the first of its own (figure 8)', () => {
    const cluster = alone({ voters: [1, 2, 3, 4, 5], log: [1, 2], hardState: { term: 3 } });
    lead(cluster);
    expect(cluster.terms(1)).toEqual([1, 2, 4]);
    for (const from of [2, 3, 4]) cluster.inject(appendOk({ from, term: 4, index: 2 }));
    expect(cluster.status(1).commit).toBe(0);
    cluster.inject(appendOk({ from: 2, term: 4, index: 3 }));
    expect(cluster.status(1).commit).toBe(0);
    cluster.inject(appendOk({ from: 3, term: 4, index: 3 }));
    expect(cluster.status(1).commit).toBe(3);
  });

  it('s40 a no-op first, through which earlier entries are committed', () => {
    const cluster = new Cluster({
      disks: { 1: { entries: logOf([1, 1]), hardState: { term: 1, vote: 1, commit: 0 } } },
    });
    cluster.elect(1);
    cluster.run(2);
    const { shadow } = cluster.node(1);
    expect(shadow[2]).toMatchObject({ index: 3, term: 2, kind: EntryKind.noop });
    for (const id of [1, 2, 3]) expect(cluster.state(id)).toEqual(['1@1', '2@1']);
  });
});

describe('a follower commits', () => {
  it.each([
    { after: 1, sent: [2], leaderCommit: 9, commit: 2 },
    { after: 2, sent: [], leaderCommit: 9, commit: 2 },
    { after: 1, sent: [], leaderCommit: 3, commit: 1 },
    { after: 1, sent: [2, 2], leaderCommit: 2, commit: 2 },
    { after: 1, sent: [2, 2], leaderCommit: 0, commit: 0 },
  ])('s41 no further than it is known to match: $sent after $after, leader at $leaderCommit', (row) => {
    const cluster = alone({ log: [1, 2, 2], hardState: { term: 3 } });
    const { after, sent, leaderCommit } = row;
    const prevTerm = cluster.node(1).raft.termAt(after) ?? 0;
    cluster.inject(
      append({ from: 2, term: 3, prevIndex: after, prevTerm, entries: logOf(sent, after + 1), commit: leaderCommit }),
    );
    cluster.sync(1);
    expect(cluster.status(1).commit).toBe(row.commit);
  });

  it('s41 up to a heartbeat’s commit index, which is bounded by the match index', () => {
    const cluster = alone();
    lead(cluster);
    cluster.propose(1, 'a', 'b');
    cluster.sync(1);
    cluster.inject(appendOk({ from: 2, term: 1, index: 3 }));
    cluster.inject(appendOk({ from: 3, term: 1, index: 1 }));
    answers(cluster);
    cluster.tick(1, 2);
    const sent = answersOf(cluster, 'heartbeat').map(({ to, commit }) => [to, commit]);
    expect(new Set(sent.map(String))).toEqual(new Set(['2,3', '3,1']));
  });

  it('s41 never beyond its own log, and never less than before', () => {
    const cluster = alone({ log: [1, 1, 1] });
    cluster.inject(append({ from: 2, term: 1, prevIndex: 3, prevTerm: 1, commit: 2 }));
    cluster.sync(1);
    expect(cluster.status(1).commit).toBe(2);
    cluster.inject(heartbeat({ from: 2, term: 1, commit: 1 }));
    cluster.inject(append({ from: 2, term: 1, prevIndex: 1, prevTerm: 1, commit: 1 }));
    expect(cluster.status(1).commit).toBe(2);
    cluster.inject(heartbeat({ from: 2, term: 1, commit: 3 }));
    expect(cluster.status(1).commit).toBe(3);
  });

  it('s42 a persisted commit index survives a restart, any other is learned again', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.run(3);
    expect(cluster.status(2).commit).toBe(3);
    cluster.crash(2);
    const { commit } = cluster.node(2).disk.hardState;
    cluster.restart(2);
    expect(cluster.status(2).commit).toBeGreaterThanOrEqual(commit);
    expect(cluster.status(2).commit).toBeLessThanOrEqual(3);
    cluster.run(3);
    expect(cluster.status(2).commit).toBe(3);
    expect(cluster.state(2)).toEqual(['a', 'b']);
  });

  it('s42 a whole group restarts and commits again all that it had committed', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    for (const id of [1, 2, 3]) cluster.crash(id);
    for (const id of [1, 2, 3]) cluster.restart(id);
    cluster.run(4 * T);
    expect(cluster.leader()).not.toBe(0);
    for (const id of [1, 2, 3]) expect(cluster.state(id)).toEqual(['a', 'b']);
  });
});

describe('committed entries', () => {
  it('s43 are handed out in order, each once, whatever is repeated', () => {
    const cluster = alone();
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 1 }));
    cluster.sync(1);
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 2 }));
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 2 }));
    cluster.inject(heartbeat({ from: 2, term: 1, commit: 2 }));
    cluster.inject(append({ from: 2, term: 1, prevIndex: 2, prevTerm: 1, entries: logOf([1], 3), commit: 3 }));
    cluster.sync(1);
    expect(cluster.eventsOf('applied').map(({ entry }) => entry.index)).toEqual([1, 2, 3]);
  });

  it('s43 wait for the sync on the node that applies them', () => {
    const cluster = alone();
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 2 }));
    expect(cluster.status(1).commit).toBe(2);
    expect(cluster.eventsOf('applied')).toEqual([]);
    cluster.sync(1);
    expect(cluster.state(1)).toEqual(['1@1', '2@1']);
  });

  it('s43 after a restart go on behind the checkpoint, without gap or repetition', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    for (const data of ['a', 'b', 'c', 'd']) cluster.propose(1, data);
    cluster.settle();
    cluster.run(3);
    cluster.applySlowly(2, true);
    cluster.propose(1, 'e');
    cluster.settle();
    cluster.run(3);
    cluster.node(2).saveCheckpoint();
    cluster.crash(2);
    cluster.clearEvents();
    cluster.node(2).slowApply = false;
    cluster.restart(2);
    cluster.run(3);
    expect(cluster.eventsOf('applied', 2).map(({ entry }) => entry.index)).toEqual([6]);
    expect(cluster.state(2)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('s43 the applied index lags when the owner is slow, and catches up', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.applySlowly(1, true);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    expect(cluster.status(1)).toMatchObject({ commit: 3, applied: 1 });
    cluster.applyWaiting(1, 1);
    expect(cluster.status(1)).toMatchObject({ commit: 3, applied: 2 });
    cluster.applyWaiting(1);
    expect(cluster.status(1)).toMatchObject({ commit: 3, applied: 3 });
  });
});

describe('a proposal', () => {
  it('s44 to a follower is refused with the leader’s id; nothing is appended', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.run(2);
    expect(cluster.propose(2, 'a')).toEqual({ type: 'refused', reason: 'not-leader', leader: 1 });
    cluster.settle();
    expect(cluster.status(2).lastIndex).toBe(1);
  });

  it('s44 to a candidate or to a node without leader is refused', () => {
    const cluster = alone();
    expect(cluster.propose(1, 'a')).toEqual({ type: 'refused', reason: 'not-leader', leader: 0 });
    cluster.campaign(1);
    expect(cluster.propose(1, 'a')).toEqual({ type: 'refused', reason: 'not-leader', leader: 0 });
    expect(cluster.read(1)).toEqual({ type: 'refused', leader: 0 });
    expect(cluster.status(1).lastIndex).toBe(0);
  });

  it('s44 that is accepted has one entry per item, at the returned index and term', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    expect(cluster.propose(1, 'a', 'b')).toEqual({ type: 'appended', firstIndex: 2, term: 1 });
    expect(cluster.propose(1, 'c')).toEqual({ type: 'appended', firstIndex: 4, term: 1 });
    cluster.settle();
    expect(
      cluster
        .eventsOf('applied', 1)
        .slice(1)
        .map(({ entry }) => [entry.index, entry.term]),
    ).toEqual([
      [2, 1],
      [3, 1],
      [4, 1],
    ]);
  });

  it.each([true, false])(
    's45 of a leader that loses its term may or may not survive (reached one other: %s)',
    (reached) => {
      const cluster = new Cluster();
      cluster.elect(1);
      cluster.network.cut(1, 3);
      cluster.network.cut(2, 1);
      const proposed = cluster.propose(1, 'a');
      expect(proposed).toMatchObject({ type: 'appended', firstIndex: 2, term: 1 });
      if (!reached) cluster.network.cut(1, 2);
      if (!reached) cluster.drop();
      cluster.settle();
      expect(cluster.status(1).commit).toBe(1);
      cluster.crash(1);
      cluster.run(6 * T);
      cluster.heal();
      cluster.restart(1);
      cluster.run(6 * T);
      // Its owner can distinguish it only by the term at the index.
      expect(cluster.node(1).raft.termAt(2) === 1).toBe(reached);
      expect(cluster.state(1)).toEqual(reached ? ['a'] : []);
      expect(cluster.state(3)).toEqual(reached ? ['a'] : []);
    },
  );
});
