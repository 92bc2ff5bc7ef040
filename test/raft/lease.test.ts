import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/raft/index.js';

const lease = (): Lease => new Lease({ electionTimeoutMs: 1000, driftMarginMs: 100 });

describe('a lease (s50)', () => {
  it('s50 runs from the sending of the newest confirmed round, not from its confirmation', () => {
    const it = lease();
    expect(it.durationMs).toBe(900);
    expect(it.validAt(0)).toBe(false);
    it.sent(1, 100);
    it.sent(2, 300);
    it.sent(3, 500);
    expect(it.validAt(501)).toBe(false);
    it.confirmed(2);
    expect([299, 300, 1199, 1200].map((now) => it.validAt(now))).toEqual([false, true, true, false]);
    it.confirmed(3);
    expect([1399, 1400].map((now) => it.validAt(now))).toEqual([true, false]);
  });

  it('s50 is over after a pause, however long ago the confirmation seems to the process', () => {
    const it = lease();
    it.sent(1, 0);
    it.confirmed(1);
    expect(it.validAt(10)).toBe(true);
    expect(it.validAt(5010)).toBe(false);
  });

  it('of a context sent twice runs from the first sending: the answer may be to that one', () => {
    const it = lease();
    it.sent(1, 0);
    it.sent(1, 800);
    it.confirmed(1);
    expect(it.validAt(899)).toBe(true);
    expect(it.validAt(900)).toBe(false);
  });

  it('grants nothing for a confirmation of what was never sent, or sent before it was dropped', () => {
    const it = lease();
    it.confirmed(7);
    expect(it.validAt(0)).toBe(false);
    it.sent(8, 10);
    it.drop();
    it.confirmed(8);
    expect(it.validAt(11)).toBe(false);
    it.sent(9, 20);
    it.confirmed(9);
    expect(it.validAt(21)).toBe(true);
    it.drop();
    expect(it.validAt(22)).toBe(false);
  });

  it('remembers a bounded number of rounds', () => {
    const it = lease();
    for (let context = 1; context <= 100; context++) it.sent(context, context);
    it.confirmed(36);
    expect(it.validAt(100)).toBe(false);
    it.confirmed(37);
    expect(it.validAt(100)).toBe(true);
  });

  it('of no length is refused', () => {
    expect(() => new Lease({ electionTimeoutMs: 100, driftMarginMs: 100 })).toThrow(RangeError);
    expect(() => new Lease({ electionTimeoutMs: 100, driftMarginMs: -1 })).toThrow(RangeError);
  });
});
