/** The checker against brute force on tens of thousands of small histories of transactions. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkTransactions } from '../../../src/check/index.js';
import { isStrictlySerializable } from './brute-force.js';
import { worstCycle } from './naive-cycles.js';
import { smallHistory } from './small-histories.js';

const RUNS = 12_000;

describe('small random histories of transactions', () => {
  it('that a correct store made are strictly serializable, as brute force says, too', () => {
    fc.assert(
      fc.property(smallHistory(false), (history) => {
        expect(checkTransactions(history)).toMatchObject({ verdict: 'STRICTLY SERIALIZABLE', others: [] });
        expect(isStrictlySerializable(history)).toBe(true);
      }),
      { numRuns: RUNS, seed: 17 },
    );
  });

  it('that a broken store may have made are judged as brute force judges them, and cycles as an enumeration does', () => {
    let illegal = 0;
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(smallHistory(true), (history) => {
        const { verdict, failure, others } = checkTransactions(history);
        const expected = isStrictlySerializable(history) ? 'STRICTLY SERIALIZABLE' : 'ILLEGAL';
        if (expected === 'ILLEGAL') illegal++;
        expect(verdict).toBe(expected);
        // The worst kind of cycle, and a shortest one of it.
        const found = [failure, ...others].find((one) => one !== undefined && one.cycle.length > 0);
        const worst = worstCycle(history);
        expect(found && { anomaly: found.anomaly, length: found.cycle.length }).toEqual(worst);
        if (worst !== undefined) seen.set(worst.anomaly, (seen.get(worst.anomaly) ?? 0) + 1);
      }),
      { numRuns: RUNS, seed: 18 },
    );
    // Otherwise a checker that always says the same would look good.
    expect(illegal / RUNS).toBeGreaterThan(0.25);
    expect(illegal / RUNS).toBeLessThan(0.75);
    // G2-realtime seldom comes without a worse one; it has a history of its own in anomalies.test.ts.
    const kinds = ['G0', 'G1c', 'G-single', 'G2', 'G0-realtime', 'G1c-realtime', 'lost-append', 'G-single-realtime'];
    for (const kind of kinds) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(20);
  });
});
