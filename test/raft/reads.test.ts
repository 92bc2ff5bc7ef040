/** Scenarios 46–49 and 51: a read is answered only by a replica that still leads after it arrived. (s50: lease.test.ts.) */
import { describe, expect, it } from 'vitest';
import { alone, answers, answersOf, appendOk, heartbeat, heartbeatOk, lead } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';

const T = 10;

/** A leader in term 1 that has committed its no-op (index 1). */
function leading(voters: number[], learners: number[] = []): Cluster {
  const cluster = alone({ voters, learners });
  lead(cluster);
  for (const from of voters) if (from !== 1) cluster.inject(appendOk({ from, term: 1, index: 1 }));
  answers(cluster);
  cluster.clearEvents();
  return cluster;
}

function ask(cluster: Cluster, id = 1): number {
  const result = cluster.read(id);
  if (result.type !== 'accepted') throw new Error('the read was refused');
  return result.context;
}

const confirmed = (cluster: Cluster): number[] => cluster.eventsOf('read-confirmed').map(({ context }) => context);

describe('read-index', () => {
  it('s46 asks a quorum after the read arrived, and gives the commit index of its arrival', () => {
    const cluster = leading([1, 2, 3, 4, 5]);
    const context = ask(cluster);
    const round = answersOf(cluster, 'heartbeat');
    expect(round.map(({ to, readContext }) => [to, readContext])).toEqual([2, 3, 4, 5].map((to) => [to, context]));
    cluster.inject(heartbeatOk({ from: 2, term: 1, readContext: context, lastIndex: 1 }));
    cluster.inject(heartbeatOk({ from: 2, term: 1, readContext: context, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([]);
    cluster.inject(heartbeatOk({ from: 3, term: 1, readContext: context, lastIndex: 1 }));
    expect(cluster.eventsOf('read-confirmed')).toMatchObject([{ context, index: 1 }]);
    cluster.inject(heartbeatOk({ from: 4, term: 1, readContext: context, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([context]);
  });

  it('s46 answers that were in flight when the read arrived confirm nothing', () => {
    const cluster = leading([1, 2, 3]);
    cluster.tick(1, 2);
    const [early] = answersOf(cluster, 'heartbeat');
    ask(cluster);
    cluster.inject(heartbeatOk({ from: 2, term: 1, readContext: early?.readContext ?? 0, lastIndex: 1 }));
    cluster.inject(appendOk({ from: 3, term: 1, index: 1 }));
    expect(confirmed(cluster)).toEqual([]);
  });

  it('s46 several reads before one Ready share a round, and one answer of a quorum confirms them all', () => {
    const cluster = leading([1, 2, 3]);
    const { raft } = cluster.node(1);
    const contexts = [raft.readIndex(), raft.readIndex(), raft.readIndex()].map((result) =>
      result.type === 'accepted' ? result.context : -1,
    );
    cluster.node(1).pump();
    const round = answersOf(cluster, 'heartbeat').filter(({ to }) => to === 2);
    expect(round).toHaveLength(1);
    expect(round[0]?.readContext).toBe(Math.max(...contexts));
    cluster.inject(heartbeatOk({ from: 2, term: 1, readContext: round[0]?.readContext ?? 0, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual(contexts);
  });

  it('s46 is answered by the owner only when that index is applied', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.applySlowly(1, true);
    cluster.propose(1, 'a');
    cluster.settle();
    const context = ask(cluster);
    cluster.settle();
    expect(cluster.eventsOf('read-confirmed')).toMatchObject([{ context, index: 2 }]);
    expect(cluster.eventsOf('read-answered')).toEqual([]);
    cluster.applyWaiting(1);
    expect(cluster.eventsOf('read-answered')).toMatchObject([{ context, index: 2 }]);
  });

  it('s46 a round that is lost is repeated with the next heartbeat', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    ask(cluster);
    cluster.drop();
    cluster.settle();
    expect(confirmed(cluster)).toEqual([]);
    cluster.run(2);
    expect(confirmed(cluster)).toHaveLength(1);
  });

  it('s46 a single voter confirms by itself', () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    const context = ask(cluster);
    expect(cluster.eventsOf('read-confirmed')).toMatchObject([{ context, index: 1 }]);
  });

  it('s46 a follower refuses with the leader’s id', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.run(2);
    expect(cluster.read(2)).toEqual({ type: 'refused', leader: 1 });
  });

  it('s47 a new leader confirms no read before the first commit of its own term', () => {
    const cluster = alone({ log: [1, 1], hardState: { commit: 1 } });
    lead(cluster);
    const context = ask(cluster);
    for (const { readContext } of answersOf(cluster, 'heartbeat'))
      for (const from of [2, 3]) cluster.inject(heartbeatOk({ from, term: 2, readContext, lastIndex: 2 }));
    cluster.tick(1, 2);
    for (const { readContext } of answersOf(cluster, 'heartbeat'))
      for (const from of [2, 3]) cluster.inject(heartbeatOk({ from, term: 2, readContext, lastIndex: 2 }));
    expect(confirmed(cluster)).toEqual([]);
    cluster.inject(appendOk({ from: 2, term: 2, index: 3 }));
    expect(cluster.status(1).commit).toBe(3);
    cluster.tick(1, 2);
    for (const { readContext } of answersOf(cluster, 'heartbeat'))
      cluster.inject(heartbeatOk({ from: 2, term: 2, readContext, lastIndex: 3 }));
    expect(cluster.eventsOf('read-confirmed')).toMatchObject([{ context, index: 3 }]);
  });

  it('s47 nor does a single voter', () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.campaign(1);
    cluster.sync(1, 1);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', commit: 0 });
    const context = ask(cluster);
    expect(confirmed(cluster)).toEqual([]);
    cluster.sync(1);
    expect(cluster.eventsOf('read-confirmed')).toMatchObject([{ context, index: 1 }]);
  });

  it('s48 a leader that was deposed without knowing confirms nothing, and drops the read when it learns', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(1);
    cluster.forgetLeader(2);
    cluster.forgetLeader(3);
    cluster.campaign(2);
    cluster.settle();
    expect([cluster.status(1).role, cluster.status(2).role]).toEqual(['leader', 'leader']);
    cluster.propose(2, 'new');
    cluster.settle();
    const context = ask(cluster);
    cluster.settle();
    expect(confirmed(cluster)).toEqual([]);
    cluster.heal();
    cluster.run(3);
    expect(confirmed(cluster)).toEqual([]);
    expect(cluster.eventsOf('read-lost')).toMatchObject([{ node: 1, context }]);
  });

  it('s48 a leader that loses its quorum gives its reads up when it steps down', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(1);
    const contexts = [ask(cluster), ask(cluster)];
    cluster.tick(1, 2 * T);
    expect(cluster.status(1).role).toBe('follower');
    expect(cluster.eventsOf('read-lost').map(({ context }) => context)).toEqual(contexts);
  });

  it('s48 reads that wait for the first commit are given up as well', () => {
    const cluster = alone();
    lead(cluster);
    const context = ask(cluster);
    cluster.inject(heartbeat({ from: 2, term: 5 }));
    expect(cluster.eventsOf('read-lost').map((lost) => lost.context)).toEqual([context]);
  });

  it('s49 each read has a new context, and a confirmation of an earlier one does not confirm a later one', () => {
    const cluster = leading([1, 2, 3]);
    const first = ask(cluster);
    const second = ask(cluster);
    expect(second).toBeGreaterThan(first);
    cluster.inject(heartbeatOk({ from: 2, term: 1, readContext: first, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([first]);
    const third = ask(cluster);
    cluster.inject(heartbeatOk({ from: 3, term: 1, readContext: first, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([first]);
    cluster.inject(heartbeatOk({ from: 2, term: 1, readContext: second, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([first, second]);
    cluster.inject(heartbeatOk({ from: 3, term: 1, readContext: third, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([first, second, third]);
  });

  it('s49 a confirmation of an earlier term is not one', () => {
    const cluster = leading([1, 2, 3]);
    const first = ask(cluster);
    cluster.inject(heartbeat({ from: 2, term: 2 }));
    cluster.sync(1);
    lead(cluster);
    cluster.inject(appendOk({ from: 2, term: 3, index: 2 }));
    cluster.clearEvents();
    const later = ask(cluster);
    for (const readContext of [first, later])
      cluster.inject(heartbeatOk({ from: 2, term: 1, readContext, lastIndex: 2 }));
    expect(confirmed(cluster)).toEqual([]);
    cluster.inject(heartbeatOk({ from: 2, term: 3, readContext: later, lastIndex: 2 }));
    expect(confirmed(cluster)).toEqual([later]);
  });

  it('s51 learners are not counted', () => {
    const cluster = leading([1, 2, 3], [4, 5]);
    const context = ask(cluster);
    for (const from of [4, 5, 9]) cluster.inject(heartbeatOk({ from, term: 1, readContext: context, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([]);
    cluster.inject(heartbeatOk({ from: 3, term: 1, readContext: context, lastIndex: 1 }));
    expect(confirmed(cluster)).toEqual([context]);
  });

  it('s46 a follower returns the context unchanged', () => {
    const cluster = alone({ hardState: { term: 1 } });
    cluster.inject(heartbeat({ from: 2, term: 1, readContext: 77 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'heartbeat-ok')).toMatchObject([{ to: 2, term: 1, readContext: 77 }]);
  });
});
