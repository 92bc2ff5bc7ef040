/** Scenarios 6–8: a voter casts one vote per term, for a candidate whose log is up-to-date, and durably. */
import { describe, expect, it } from 'vitest';
import { alone, answers, answersOf, stand, vote, voteAnswer } from './harness/by-hand.js';

describe('votes', () => {
  it('s6 a voter casts one vote per term, first come, first served, and grants it again to the same candidate', () => {
    const cluster = alone();
    cluster.inject(vote({ from: 2, term: 1 }));
    cluster.inject(vote({ from: 3, term: 1 }));
    cluster.inject(vote({ from: 2, term: 1 }));
    expect(answers(cluster).filter((message) => message.type === 'vote-answer' && message.granted)).toEqual([]);
    cluster.sync(1);
    const sent = answersOf(cluster, 'vote-answer').map(({ to, granted, term }) => [to, granted, term]);
    expect(sent).toEqual([
      [2, true, 1],
      [3, false, 1],
      [2, true, 1],
    ]);
    expect(cluster.node(1).disk.hardState).toMatchObject({ term: 1, vote: 2 });
  });

  it('s6 a candidate denies its vote to others in its own term', () => {
    const cluster = alone();
    stand(cluster);
    answers(cluster);
    cluster.inject(vote({ from: 2, term: 1 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toEqual([voteAnswer({ from: 1, to: 2, term: 1, granted: false })]);
  });

  it('s7 after a restart a voter does not vote a second time in the term', () => {
    const cluster = alone();
    cluster.inject(vote({ from: 2, term: 1 }));
    cluster.crashBetweenPersistAndSend(1);
    cluster.restart(1);
    cluster.inject(vote({ from: 3, term: 1 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: false }]);
    cluster.inject(vote({ from: 2, term: 1 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 2, granted: true }]);
  });

  it('s7 a vote given in a term that was entered before is persisted as well', () => {
    const cluster = alone();
    cluster.inject({ type: 'term-notice', from: 2, to: 1, term: 4 });
    cluster.sync(1);
    expect(cluster.node(1).disk.hardState).toMatchObject({ term: 4, vote: 0 });
    answers(cluster);
    cluster.inject(vote({ from: 2, term: 4 }));
    expect(answers(cluster)).toEqual([]);
    cluster.crashBetweenPersistAndSend(1);
    cluster.restart(1);
    cluster.inject(vote({ from: 3, term: 4 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: false }]);
  });

  it('s7 a vote that was lost in a power cut had not been sent', () => {
    const cluster = alone();
    cluster.inject(vote({ from: 2, term: 1 }));
    expect(answers(cluster)).toEqual([]);
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.status(1)).toMatchObject({ term: 0, vote: 0 });
    cluster.inject(vote({ from: 3, term: 1 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: true }]);
  });

  const logs: [mine: number[], lastIndex: number, lastTerm: number, granted: boolean][] = [
    [[], 0, 0, true],
    [[1], 0, 0, false],
    [[1], 1, 1, true],
    [[1, 1], 1, 1, false],
    [[1], 2, 1, true],
    [[1, 1, 1], 1, 2, true],
    [[2], 5, 1, false],
    [[1, 2], 2, 2, true],
    [[1, 2, 2], 2, 2, false],
    [[1, 2, 2], 2, 3, true],
  ];
  for (const preVote of [false, true])
    it.each(logs)(
      `s8 ${preVote ? 'pre-vote' : 'vote'} by a voter with log %j for a candidate at %i@%i: %s`,
      (mine, lastIndex, lastTerm, granted) => {
        const cluster = alone({ log: mine });
        cluster.inject(vote({ from: 2, term: 5, lastIndex, lastTerm, preVote }));
        cluster.sync(1);
        expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 2, granted, preVote }]);
        expect(cluster.status(1).vote).toBe(granted && !preVote ? 2 : 0);
      },
    );
});
