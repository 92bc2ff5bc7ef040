/** Scenarios 1–5 and 9–16: who may lead, and what must be durable before it is sent. (Votes: votes.test.ts.) */
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/raft/index.js';
import {
  alone,
  answers,
  answersOf,
  append,
  appendOk,
  appendRefused,
  heartbeat,
  heartbeatOk,
  lead,
  snapshotAnswer,
  stand,
  vote,
  voteAnswer,
} from './harness/by-hand.js';
import { seededRandom } from '../../src/random.js';
import { Cluster } from './harness/cluster.js';
import { command, logOf } from './harness/entries.js';

const T = 10;

describe('start', () => {
  it('s1 a node starts as follower with what it had persisted, without a leader, and sends nothing', () => {
    const cluster = alone({ log: [1, 1, 4], hardState: { term: 5, vote: 2 } });
    expect(cluster.status(1)).toMatchObject({
      role: 'follower',
      term: 5,
      vote: 2,
      leader: 0,
      lastIndex: 3,
      stableIndex: 3,
    });
    expect(cluster.terms(1)).toEqual([1, 1, 4]);
    expect(answers(cluster)).toEqual([]);
    expect(cluster.node(1).disk.queue).toEqual([]);
  });

  it('s1 an empty node starts in term 0 with an empty log', () => {
    expect(alone().status(1)).toMatchObject({ role: 'follower', term: 0, vote: 0, leader: 0, lastIndex: 0, commit: 0 });
  });
});

describe('terms', () => {
  const roles = {
    follower: () => alone({ log: [1, 2], hardState: { term: 3, vote: 1 } }),
    candidate: () => {
      const cluster = alone({ log: [1, 2], hardState: { term: 2 } });
      stand(cluster);
      return cluster;
    },
    leader: () => {
      const cluster = alone({ log: [1, 2], hardState: { term: 2 } });
      lead(cluster);
      return cluster;
    },
  };
  const newer: [string, Message][] = [
    ['append', append({ from: 2, term: 9 })],
    ['append-ok', appendOk({ from: 2, term: 9 })],
    ['append-refused', appendRefused({ from: 2, term: 9 })],
    ['heartbeat', heartbeat({ from: 2, term: 9 })],
    ['heartbeat-ok', heartbeatOk({ from: 2, term: 9 })],
    ['forced vote', vote({ from: 2, term: 9, forced: true })],
    ['denied vote', voteAnswer({ from: 2, term: 9, granted: false })],
    ['denied pre-vote', voteAnswer({ from: 2, term: 9, granted: false, preVote: true })],
    ['snapshot-answer', snapshotAnswer({ from: 2, term: 9 })],
    ['term-notice', { type: 'term-notice', from: 2, to: 1, term: 9 }],
  ];

  for (const [role, build] of Object.entries(roles)) {
    it.each(newer)(`s2 a ${role} adopts the higher term of %s and persists it before it answers`, (_, message) => {
      const cluster = build();
      expect(cluster.status(1).role).toBe(role);
      answers(cluster);
      cluster.inject(message);
      expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 9, vote: 0 });
      expect(answers(cluster)).toEqual([]);
      cluster.sync(1);
      expect(cluster.node(1).disk.hardState).toMatchObject({ term: 9, vote: 0 });
      const wantsAnswer = ['append', 'heartbeat', 'vote'].includes(message.type);
      const sent = answers(cluster);
      expect(sent.length > 0).toBe(wantsAnswer);
      for (const answer of sent) expect(answer).toMatchObject({ to: 2, term: 9 });
    });

    it.each(newer)(`s3 a ${role} is not moved by %s of an older term`, (_, message) => {
      const cluster = build();
      answers(cluster);
      const before = cluster.status(1);
      cluster.inject({ ...message, term: 1 });
      expect(cluster.status(1)).toEqual(before);
      cluster.sync(1);
      for (const answer of answers(cluster)) {
        expect(answer).toMatchObject({ to: 2, term: before.term });
        if (answer.type === 'vote-answer') expect(answer.granted).toBe(false);
        expect(answer.type).not.toBe('append-ok');
      }
    });
  }

  it.each([append({ from: 2, term: 1 }), heartbeat({ from: 2, term: 1 })])(
    's3 a leader of an older term is sent the current term: $type',
    (message) => {
      const cluster = alone({ hardState: { term: 4 } });
      cluster.inject(message);
      cluster.sync(1);
      expect(answers(cluster).some(({ to, term }) => to === 2 && term === 4)).toBe(true);
    },
  );

  it('s3 entries of a deposed leader are not appended', () => {
    const cluster = alone({ log: [1, 3] });
    cluster.inject(append({ from: 2, term: 2, prevIndex: 1, prevTerm: 1, entries: [command(2, 2)], commit: 2 }));
    cluster.sync(1);
    expect(cluster.terms(1)).toEqual([1, 3]);
    expect(cluster.status(1)).toMatchObject({ commit: 0, leader: 0 });
  });
});

describe('timeout', () => {
  it('s4 after a timeout: pre-vote, then the next term, a vote for itself, and requests to all other voters after the sync', () => {
    const cluster = alone({ voters: [1, 2, 3, 4, 5], log: [1, 1, 2] });
    while (cluster.status(1).role === 'follower') cluster.tick(1);
    expect(cluster.status(1)).toMatchObject({ role: 'pre-candidate', term: 2, vote: 0 });
    expect(answers(cluster).map(({ to, type, term }) => [to, type, term])).toEqual(
      [2, 3, 4, 5].map((to) => [to, 'vote', 3]),
    );
    cluster.inject(voteAnswer({ from: 2, term: 3, preVote: true }));
    expect(cluster.status(1).role).toBe('pre-candidate');
    cluster.inject(voteAnswer({ from: 3, term: 3, preVote: true }));
    expect(cluster.status(1)).toMatchObject({ role: 'candidate', term: 3, vote: 1 });
    expect(answers(cluster)).toEqual([]);
    cluster.sync(1);
    expect(cluster.node(1).disk.hardState).toMatchObject({ term: 3, vote: 1 });
    expect(answers(cluster)).toEqual(
      [2, 3, 4, 5].map((to) => vote({ from: 1, to, term: 3, lastIndex: 3, lastTerm: 2 })),
    );
  });

  it('s10 timeouts are uniform in [T, 2T), random for each attempt, and rarely coincide', () => {
    const timeouts = [1, 2].map((seed) => {
      const cluster = alone({ timing: { random: seededRandom(seed) } });
      const lengths: number[] = [];
      for (let tick = 0, since = 0; tick < 4_000; tick++) {
        cluster.tick(1);
        since++;
        if (answersOf(cluster, 'vote').length === 0) continue;
        lengths.push(since);
        since = 0;
      }
      return lengths;
    });
    for (const lengths of timeouts) {
      expect(Math.min(...lengths)).toBe(T);
      expect(Math.max(...lengths)).toBe(2 * T - 1);
      expect(new Set(lengths).size).toBe(T);
    }
    const [mine = [], other = []] = timeouts;
    const coincidences = mine.filter((length, at) => length === other[at]).length;
    expect(coincidences / mine.length).toBeLessThan(0.2);
  });
});

describe('outcome', () => {
  const cases: [size: number, granted: number, denied: number, role: string][] = [
    [3, 1, 0, 'leader'],
    [3, 0, 1, 'candidate'],
    [3, 0, 2, 'follower'],
    [3, 0, 0, 'candidate'],
    [4, 1, 0, 'candidate'],
    [4, 2, 0, 'leader'],
    [4, 1, 2, 'follower'],
    [5, 2, 0, 'leader'],
    [5, 1, 2, 'candidate'],
    [5, 1, 3, 'follower'],
    [5, 1, 1, 'candidate'],
  ];
  it.each(cases)('s5 of %i voters %i others grant and %i deny: %s', (size, granted, denied, role) => {
    const cluster = alone({ voters: Array.from({ length: size }, (_, at) => at + 1) });
    stand(cluster);
    for (let from = 2; from < 2 + granted; from++) cluster.inject(voteAnswer({ from, term: 1 }));
    for (let from = size; from > size - denied; from--) cluster.inject(voteAnswer({ from, term: 1, granted: false }));
    expect(cluster.status(1)).toMatchObject({ role, term: 1, leader: role === 'leader' ? 1 : 0 });
  });

  it('s5 one voter saying yes twice is one vote', () => {
    const cluster = alone({ voters: [1, 2, 3, 4, 5] });
    stand(cluster);
    for (let time = 0; time < 3; time++) cluster.inject(voteAnswer({ from: 2, term: 1 }));
    expect(cluster.status(1).role).toBe('candidate');
  });

  it('s5 without a result it tries again in a new term', () => {
    const cluster = alone();
    stand(cluster);
    cluster.tick(1, 2 * T);
    answers(cluster);
    expect(cluster.status(1).role).toBe('pre-candidate');
    cluster.inject(voteAnswer({ from: 2, term: 2, preVote: true }));
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ role: 'candidate', term: 2, vote: 1 });
    expect(answersOf(cluster, 'vote').map(({ to, term }) => [to, term])).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  it('s5 a candidate does not lead before its own vote is durable', () => {
    const cluster = alone();
    cluster.campaign(1);
    cluster.inject(voteAnswer({ from: 2, term: 1, preVote: true }));
    cluster.inject(voteAnswer({ from: 2, term: 1 }));
    expect(cluster.status(1).role).toBe('candidate');
    cluster.sync(1, 1);
    expect(cluster.status(1).role).toBe('leader');
  });

  it('s11 a single voter elects itself and commits alone, each only after its own sync', () => {
    const cluster = new Cluster({ voters: [1] });
    while (cluster.status(1).term === 0) cluster.tick(1);
    expect(cluster.status(1).role).toBe('candidate');
    cluster.sync(1, 1);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', commit: 0 });
    cluster.sync(1);
    expect(cluster.status(1).commit).toBe(1);
    cluster.propose(1, 'a');
    expect(cluster.status(1).commit).toBe(1);
    cluster.sync(1);
    expect(cluster.status(1).commit).toBe(2);
    expect(cluster.state(1)).toEqual(['a']);
  });

  it('s12 answers of an older election do not count', () => {
    const cluster = alone();
    stand(cluster);
    cluster.tick(1, 2 * T);
    cluster.inject(voteAnswer({ from: 2, term: 1, preVote: true }));
    expect(cluster.status(1)).toMatchObject({ role: 'pre-candidate', term: 1 });
    cluster.inject(voteAnswer({ from: 3, term: 2, preVote: true }));
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ role: 'candidate', term: 2 });
    cluster.inject(voteAnswer({ from: 2, term: 1 }));
    cluster.inject(voteAnswer({ from: 3, term: 2, preVote: true }));
    expect(cluster.status(1).role).toBe('candidate');
    cluster.inject(voteAnswer({ from: 2, term: 2 }));
    expect(cluster.status(1).role).toBe('leader');
  });

  it('s12 an answer that comes after the node became leader or follower changes nothing', () => {
    const cluster = alone();
    lead(cluster);
    cluster.inject(voteAnswer({ from: 3, term: 1, granted: false }));
    cluster.inject(voteAnswer({ from: 2, term: 1, granted: false }));
    expect(cluster.status(1).role).toBe('leader');
    cluster.inject(heartbeat({ from: 3, term: 2 }));
    cluster.inject(voteAnswer({ from: 2, term: 2 }));
    cluster.inject(voteAnswer({ from: 3, term: 2 }));
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: 3, term: 2 });
  });

  it.each([1, 2, 3, 4, 5])('s13 a split vote in a group of four ends in a later round (seed %i)', (seed) => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4], seed });
    cluster.campaign(1);
    cluster.campaign(2);
    // Both win the pre-vote; then n1's request reaches n3 first and n2's reaches n4 first.
    cluster.deliver({ type: 'vote' });
    cluster.syncAll();
    cluster.deliver({ type: 'vote-answer' });
    cluster.syncAll();
    expect([cluster.status(1).role, cluster.status(2).role]).toEqual(['candidate', 'candidate']);
    cluster.deliver({ from: 1, to: 3 });
    cluster.deliver({ from: 2, to: 4 });
    cluster.settle();
    expect(cluster.leader()).toBe(0);
    expect(cluster.status(1).term).toBe(1);
    cluster.run(10 * T);
    expect(cluster.leader()).not.toBe(0);
  });
});

describe('a candidate and a leader', () => {
  const messages = (term: number): Message[] => [heartbeat({ from: 2, term }), append({ from: 2, term })];
  for (const extra of [0, 1])
    it.each(messages(1 + extra))(`s9 a candidate follows the leader of its term + ${extra}: $type`, (message) => {
      const cluster = alone();
      stand(cluster);
      cluster.inject(message);
      expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: 2, term: 1 + extra });
    });

  it.each(messages(0))('s9 a candidate stays one when a leader of an older term speaks: $type', (message) => {
    const cluster = alone();
    stand(cluster);
    cluster.inject(message);
    expect(cluster.status(1)).toMatchObject({ role: 'candidate', leader: 0, term: 1 });
  });

  it.each(messages(3))('s9 a pre-candidate follows the leader of its present term: $type', (message) => {
    const cluster = alone({ hardState: { term: 3 } });
    cluster.campaign(1);
    cluster.inject(message);
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: 2, term: 3 });
    cluster.inject(voteAnswer({ from: 2, term: 4, preVote: true }));
    expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 3 });
  });

  it('s14 a leader with an older log than a minority overwrites what the minority had not committed', () => {
    const voted = { term: 2, vote: 3, commit: 0 };
    const cluster = new Cluster({
      voters: [1, 2, 3, 4, 5],
      disks: {
        1: { entries: logOf([1]), hardState: { term: 1, vote: 1, commit: 0 } },
        2: { entries: logOf([1]), hardState: { term: 1, vote: 1, commit: 0 } },
        3: { entries: logOf([2]), hardState: voted },
        4: { hardState: voted },
        5: { hardState: voted },
      },
    });
    cluster.campaign(1);
    cluster.settle();
    cluster.campaign(1);
    cluster.settle();
    expect(cluster.leader()).toBe(1);
    expect(cluster.status(1).term).toBe(3);
    for (const id of [1, 2, 3, 4, 5]) {
      expect(cluster.terms(id)).toEqual([1, 3]);
      expect(cluster.node(id).disk.lastIndex).toBe(2);
    }
  });
});

describe('who may not campaign', () => {
  it.each([
    ['a learner', { voters: [2, 3], learners: [1] }],
    ['a node outside the configuration', { voters: [2, 3], learners: [] }],
  ])('s15 %s never campaigns', (_, members) => {
    const cluster = alone(members);
    cluster.tick(1, 10 * T);
    cluster.campaign(1);
    cluster.forgetLeader(1);
    cluster.tick(1, 3 * T);
    cluster.inject(heartbeat({ from: 2, term: 1 }));
    cluster.sync(1);
    answers(cluster);
    cluster.inject({ type: 'timeout-now', from: 2, to: 1, term: 1 });
    cluster.tick(1, 3 * T);
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 1, vote: 0 });
    expect(answersOf(cluster, 'vote')).toEqual([]);
  });

  it('s16 a learner votes for a candidate that knows it as a voter', () => {
    const cluster = alone({ voters: [2, 3], learners: [1], log: [1] });
    cluster.inject(vote({ from: 2, term: 2, lastIndex: 1, lastTerm: 1 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 2, granted: true, term: 2 }]);
    expect(cluster.node(1).disk.hardState).toMatchObject({ term: 2, vote: 2 });
  });
});
