import { describe, expect, it } from 'vitest';
import { Lease, promiseMsOf } from '../../src/raft/index.js';
import { Cluster } from './harness/cluster.js';

/** Gives a lease of 900 ms: the speeds of two clocks differ by less than a tenth. */
const PROMISE_MS = 1_000;

describe('a lease (s50)', () => {
  it('s50 runs from the sending of the newest confirmed round, not from its confirmation', () => {
    const it = new Lease();
    expect(it.validAt(0)).toBe(false);
    it.sent(1, 100);
    it.sent(2, 300);
    it.sent(3, 500);
    expect(it.validAt(501)).toBe(false);
    it.confirmed(2, PROMISE_MS);
    expect([299, 300, 1199, 1200].map((now) => it.validAt(now))).toEqual([false, true, true, false]);
    it.confirmed(3, PROMISE_MS);
    expect([1399, 1400].map((now) => it.validAt(now))).toEqual([true, false]);
  });

  it('s50 has expired after a pause, however recent the confirmation seems to the process', () => {
    const it = new Lease();
    it.sent(1, 0);
    it.confirmed(1, PROMISE_MS);
    expect(it.validAt(10)).toBe(true);
    expect(it.validAt(5010)).toBe(false);
  });

  it('s50 needs a promise, and is not shortened by a later, shorter one', () => {
    const it = new Lease();
    it.sent(1, 0);
    it.confirmed(1, 0);
    expect(it.validAt(0)).toBe(false);
    it.sent(2, 100);
    it.confirmed(2, PROMISE_MS);
    it.sent(3, 200);
    it.confirmed(3, 10);
    expect([999, 1000].map((now) => it.validAt(now))).toEqual([true, false]);
  });

  it('of a context that was sent twice runs from the first sending: the answer may be to that one', () => {
    const it = new Lease();
    it.sent(1, 0);
    it.sent(1, 800);
    it.confirmed(1, PROMISE_MS);
    expect(it.validAt(899)).toBe(true);
    expect(it.validAt(900)).toBe(false);
  });

  it('grants nothing for a confirmation of what was never sent, or sent before it was dropped', () => {
    const it = new Lease();
    it.confirmed(7, PROMISE_MS);
    expect(it.validAt(0)).toBe(false);
    it.sent(8, 10);
    it.drop();
    it.confirmed(8, PROMISE_MS);
    expect(it.validAt(11)).toBe(false);
    it.sent(9, 20);
    it.confirmed(9, PROMISE_MS);
    expect(it.validAt(21)).toBe(true);
    it.drop();
    expect(it.validAt(22)).toBe(false);
  });

  it('keeps a bounded number of rounds', () => {
    const it = new Lease();
    for (let context = 1; context <= 100; context++) it.sent(context, context);
    it.confirmed(36, PROMISE_MS);
    expect(it.validAt(100)).toBe(false);
    it.confirmed(37, PROMISE_MS);
    expect(it.validAt(100)).toBe(true);
  });
});

describe('a promise (s50)', () => {
  it('s50 is two ticks shorter than what the voter counts, and none where nothing is left', () => {
    expect([promiseMsOf(50, 10), promiseMsOf(1000, 3), promiseMsOf(50, 2), promiseMsOf(50, 1)]).toEqual([
      400, 1000, 0, 0,
    ]);
  });

  /** The quorum's promise after a read, given those of n2 …; undefined: leases are not enabled there. */
  const promised = (...promises: (number | undefined)[]): number | undefined => {
    const cluster = new Cluster({
      voters: [1, ...promises.map((_, i) => i + 2)],
      timing: (id) => {
        const promiseMs = id === 1 ? 5_000 : promises[id - 2];
        return promiseMs === undefined ? {} : { leaseReads: true, promiseMs };
      },
    });
    cluster.elect(1);
    cluster.read(1);
    cluster.settle();
    return cluster.eventsOf('read-confirmed', 1).at(-1)?.promiseMs;
  };

  it('s50 of a quorum is the shortest of the majority with the longest', () => {
    expect(promised(400, 400)).toBe(400);
    expect(promised(400, 100, 300, 200)).toBeLessThanOrEqual(300);
    expect(promised(undefined, undefined)).toBe(0);
    expect(promised()).toBe(5_000);
  });

  it('s50 counts from a voter only with an answer to this round or a later one', () => {
    const cluster = new Cluster({ timing: { leaseReads: true, promiseMs: 400 } });
    cluster.elect(1);
    cluster.network.passes = ({ from, to }) => from !== 3 && to !== 3;
    cluster.read(1);
    cluster.settle();
    expect(cluster.eventsOf('read-confirmed', 1).at(-1)?.promiseMs).toBe(400);
    // An older build answers without a promise.
    cluster.network.passes = (message) => message.from !== 3 && message.to !== 3 && message.type !== 'heartbeat-ok';
    cluster.read(1);
    cluster.settle();
    const { term, lastContext } = { term: cluster.node(1).raft.term, lastContext: 2 };
    const answer = { type: 'heartbeat-ok', from: 2, to: 1, term, readContext: lastContext, lastIndex: 1 } as const;
    cluster.node(1).raft.step(answer);
    cluster.settle();
    expect(cluster.eventsOf('read-confirmed', 1).at(-1)).toMatchObject({ context: lastContext, promiseMs: 0 });
  });
});
