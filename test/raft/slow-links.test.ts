/** Links that carry heartbeats and acknowledgements before appends: a slow append is no sign of a lost one. */
import { describe, expect, it } from 'vitest';
import type { Append } from '../../src/raft/index.js';
import { Inflight } from '../../src/raft/inflight.js';
import { alone, answers, append, answersOf, heartbeat } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { logOf } from './harness/entries.js';

const T = 10;
/** The messages that the slow link of n3 delays; it keeps their order. */
const SLOW = { to: 3, type: 'append' } as const;

/** Ticks during which nothing of that arrives. */
function runWhileSlow(cluster: Cluster, ticks: number): void {
  for (let tick = 0; tick < ticks; tick++) {
    cluster.tickAll();
    cluster.settle(SLOW);
  }
}

const withEntries = (cluster: Cluster): Append[] =>
  cluster.sent('append', { to: 3 }).filter(({ entries }) => entries.length > 0);
const checks = (cluster: Cluster): Append[] =>
  cluster.sent('append', { to: 3 }).filter(({ entries }) => entries.length === 0);
const peer = (cluster: Cluster, id: number) => cluster.status(1).peers.find((other) => other.id === id);

function led(timing = {}): Cluster {
  const cluster = new Cluster({ timing });
  cluster.elect(1);
  cluster.run(4);
  cluster.clearEvents();
  return cluster;
}

describe('an append that heartbeats overtake', () => {
  it('s36 is sent once, however long it is under way, and the leader stays', () => {
    const cluster = led();
    cluster.propose(1, 'large');
    cluster.settle(SLOW);
    runWhileSlow(cluster, 20 * T);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    expect(withEntries(cluster)).toHaveLength(1);
    cluster.settle();
    cluster.run(3 * T);
    expect(cluster.state(3)).toEqual(['large']);
    expect(withEntries(cluster)).toHaveLength(1);
  });

  it('s36 is followed by delivery checks, at a low rate', () => {
    const cluster = led();
    cluster.propose(1, 'large');
    cluster.settle(SLOW);
    runWhileSlow(cluster, 20 * T);
    expect(checks(cluster).length).toBeGreaterThan(2);
    expect(checks(cluster).length).toBeLessThanOrEqual(20 * T * (1 / 2) * (1 / 4) + 1);
    for (const { prevIndex } of checks(cluster)) expect(prevIndex).toBe(2);
    cluster.clearEvents();
    cluster.settle();
    expect(cluster.sent('append-refused')).toEqual([]);
  });

  it('s36 is sent once also where the logs’ match is a guess', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a', 'b');
    cluster.unreachable(1, 3);
    cluster.settle();
    cluster.heal();
    cluster.clearEvents();
    runWhileSlow(cluster, 20 * T);
    expect(peer(cluster, 3)?.state).toBe('probe');
    expect(withEntries(cluster)).toHaveLength(1);
    expect(checks(cluster).length).toBeGreaterThan(2);
    cluster.settle();
    expect(cluster.state(3)).toEqual(['a', 'b']);
    expect(withEntries(cluster)).toHaveLength(1);
    expect(peer(cluster, 3)?.state).toBe('replicate');
  });

  it('s36 is resent when a delivery check shows that it was lost', () => {
    const cluster = led();
    cluster.propose(1, 'lost');
    cluster.drop(SLOW);
    cluster.settle();
    cluster.run(2 * 2);
    expect(checks(cluster)).toHaveLength(1);
    expect(cluster.sent('append-refused', { from: 3 })).toHaveLength(1);
    expect(withEntries(cluster)).toHaveLength(2);
    expect(cluster.state(3)).toEqual(['lost']);
  });

  it('s36 a probe that was lost is sent again in the same way', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a');
    cluster.unreachable(1, 3);
    cluster.settle();
    cluster.heal();
    runWhileSlow(cluster, 3);
    expect(cluster.network.inFlight).toHaveLength(1);
    cluster.drop(SLOW);
    cluster.clearEvents();
    cluster.run(2 * 2);
    expect(cluster.sent('append-refused', { from: 3 })).toHaveLength(1);
    expect(cluster.state(3)).toEqual(['a']);
  });

  it('s36 a delivery check that was lost is repeated', () => {
    const cluster = led();
    cluster.propose(1, 'lost');
    for (let tick = 0; tick < 4; tick++) {
      cluster.drop(SLOW);
      cluster.settle(SLOW);
      cluster.tickAll();
      cluster.settle(SLOW);
    }
    expect(checks(cluster)).toHaveLength(1);
    cluster.drop(SLOW);
    cluster.run(5 * 2);
    expect(cluster.state(3)).toEqual(['lost']);
  });

  it.each([
    [16, 2],
    [240, 30],
  ])('s31 the refusal of a question from before is not taken for that of a later one: %i ticks', (ticks, count) => {
    const cluster = led();
    cluster.propose(1, 'lost');
    cluster.drop(SLOW);
    cluster.propose(1, 'held up');
    cluster.settle(SLOW);
    // Delivery checks behind it, of index 3.
    runWhileSlow(cluster, ticks);
    expect(checks(cluster).map(({ prevIndex }) => prevIndex)).toEqual(Array(count).fill(3));
    const [heldUp, ...earlier] = cluster.network.take(SLOW);
    expect(earlier).toHaveLength(count);
    if (heldUp !== undefined) cluster.inject(heldUp);
    cluster.settle(SLOW);
    expect(withEntries(cluster).map(({ prevIndex }) => prevIndex)).toEqual([1, 2, 1]);
    // While both entries are resent (and lost), they are checked; the earlier checks are refused first.
    expect(cluster.network.take(SLOW)).toHaveLength(1);
    runWhileSlow(cluster, 4);
    expect(checks(cluster)).toHaveLength(count + 1);
    for (const question of earlier) cluster.inject(question);
    cluster.settle(SLOW);
    expect(cluster.sent('append-refused')).toHaveLength(1 + count);
    expect(withEntries(cluster)).toHaveLength(3);
    // The later check shows that they were lost a second time.
    cluster.settle();
    expect(withEntries(cluster)).toHaveLength(4);
    expect(cluster.state(3)).toEqual(['lost', 'held up']);
  });

  it('s31 a late refusal of a probe is not taken for the answer to a delivery check', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a', 'b');
    cluster.unreachable(1, 3);
    cluster.settle();
    cluster.heal();
    runWhileSlow(cluster, 3);
    expect(peer(cluster, 3)).toMatchObject({ state: 'probe', next: 2 });
    cluster.clearEvents();
    const refusal = {
      type: 'append-refused',
      from: 3,
      to: 1,
      term: 1,
      hintIndex: 0,
      hintTerm: 0,
      lastIndex: 0,
    } as const;
    cluster.inject({ ...refusal, rejectedIndex: 3 });
    expect(withEntries(cluster)).toEqual([]);
  });
});

describe('what is in flight to one follower', () => {
  it('s36 is bounded in bytes, which one append may exceed', () => {
    const cluster = led({ maxAppendBytes: 4, maxInflightBytes: 10 });
    for (let at = 0; at < 6; at++) cluster.propose(1, `abc${at}`);
    expect(withEntries(cluster)).toHaveLength(3);
    cluster.settle();
    cluster.propose(1, 'longer than the window is');
    expect(withEntries(cluster).at(-1)?.entries).toHaveLength(1);
    cluster.run(2);
    expect(cluster.state(3)).toHaveLength(7);
  });

  it('is counted', () => {
    const inflight = new Inflight();
    for (let index = 1; index <= 200; index++) inflight.add(index, index);
    inflight.freeTo(150);
    expect([inflight.count, inflight.bytes]).toEqual([50, (151 + 200) * 25]);
    inflight.cutAfter(160);
    expect([inflight.count, inflight.bytes]).toEqual([10, (151 + 160) * 5]);
    inflight.freeTo(1000);
    inflight.cutAfter(0);
    expect([inflight.count, inflight.bytes]).toEqual([0, 0]);
  });
});

describe('an append that could not leave', () => {
  it('s36 goes with the next answer to a heartbeat, and nothing before it goes twice', () => {
    const cluster = led();
    cluster.propose(1, 'a');
    cluster.propose(1, 'b');
    const [left, stayed] = cluster.network.take(SLOW) as [Append, Append];
    cluster.network.inFlight.push(left);
    cluster.node(1).raft.reportNotSent(stayed);
    cluster.propose(1, 'c');
    cluster.settle();
    expect(withEntries(cluster).map(({ prevIndex }) => prevIndex)).toEqual([1, 2]);
    expect(cluster.state(3)).toEqual([]);
    cluster.run(2);
    expect(withEntries(cluster).map(({ prevIndex, entries }) => [prevIndex, entries.length])).toEqual([
      [1, 1],
      [2, 1],
      [2, 2],
    ]);
    expect(cluster.sent('append-refused')).toEqual([]);
    cluster.run(2);
    expect(cluster.state(3)).toEqual(['a', 'b', 'c']);
  });

  it('s36 if it was a probe, is tried again with the answer to a later heartbeat', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a');
    cluster.unreachable(1, 3);
    cluster.settle();
    cluster.heal();
    runWhileSlow(cluster, 3);
    const [probe] = cluster.network.take(SLOW) as [Append];
    cluster.node(1).raft.reportNotSent(probe);
    expect(withEntries(cluster)).toHaveLength(2);
    cluster.run(3);
    expect(withEntries(cluster)).toHaveLength(3);
    expect(cluster.state(3)).toEqual(['a']);
  });

  it('other messages, and a replica that does not lead, take no notice', () => {
    const cluster = led();
    cluster.node(1).raft.reportNotSent(heartbeat({ from: 1, to: 3, term: 1 }));
    cluster.node(2).raft.reportNotSent(append({ from: 2, to: 3, term: 1 }));
    cluster.propose(1, 'a');
    cluster.run(2);
    expect(cluster.state(3)).toEqual(['a']);
  });
});

describe('a follower that is silent', () => {
  it('gets nothing more, and what was under way is not sent again', () => {
    const cluster = led();
    cluster.propose(1, 'a');
    cluster.settle(SLOW);
    cluster.node(1).raft.reportSilent(3);
    cluster.propose(1, 'b');
    cluster.settle(SLOW);
    expect(withEntries(cluster)).toHaveLength(1);
    cluster.settle();
    cluster.run(4);
    expect(withEntries(cluster)).toHaveLength(2);
    expect(cluster.state(3)).toEqual(['a', 'b']);
  });
});

describe('quiescence', () => {
  it('s74 is not ended by a delivery check that the last heartbeat overtook', () => {
    const cluster = alone({ log: [1, 1], timing: { quiesceTicks: 5 } });
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 2 }));
    cluster.inject(heartbeat({ from: 2, term: 1, commit: 2, quiesce: true }));
    cluster.sync(1);
    expect(cluster.node(1).raft.quiesced).toBe(true);
    answers(cluster);
    cluster.inject(append({ from: 2, term: 1, prevIndex: 2, prevTerm: 1, commit: 2 }));
    cluster.sync(1);
    expect(cluster.node(1).raft.quiesced).toBe(true);
    expect(answersOf(cluster, 'append-ok')).toMatchObject([{ index: 2 }]);
  });

  it('s74 is ended by an append with new entries', () => {
    const cluster = alone({ log: [1, 1], timing: { quiesceTicks: 5 } });
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 2 }));
    cluster.inject(heartbeat({ from: 2, term: 1, commit: 2, quiesce: true }));
    cluster.inject(append({ from: 2, term: 1, prevIndex: 2, prevTerm: 1, entries: logOf([1], 3), commit: 2 }));
    expect(cluster.node(1).raft.quiesced).toBe(false);
  });
});
