/**
 * The search against brute force on thousands of small histories, and on long ones whose verdict is known because they
 * were made.
 */
import { describe, expect, it } from 'vitest';
import { checkHistory, formatOperation, type Operation } from '../../src/check/index.js';
import { compileKey } from '../../src/check/compile.js';
import { apply, type Value } from '../../src/check/model.js';
import { Search } from '../../src/check/search.js';
import { correctHistory, randomFrom, type HistoryPlan } from '../support/histories.js';
import { isLinearizable } from './brute-force.js';
import { smallHistory } from './small-histories.js';

const show = (operations: readonly Operation[], init: Value): string =>
  [`init ${JSON.stringify(init)}`, ...operations.map(formatOperation)].join('\n');

describe.each([
  ['all outcomes known', false, 15_000, 1],
  ['unknown outcomes', true, 15_000, 1_000_001],
])('small random histories, %s', (_, unknowns, count, firstSeed) => {
  it('are judged as brute force judges them', () => {
    let illegal = 0;
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const { operations, init } = smallHistory(randomFrom(seed), unknowns);
      const expected = isLinearizable(operations, init) ? 'LINEARIZABLE' : 'ILLEGAL';
      if (expected === 'ILLEGAL') illegal++;
      const { verdict } = checkHistory(operations, { init, steps: 100_000 });
      if (verdict !== expected)
        expect.unreachable(`seed ${seed}: ${verdict}, not ${expected}\n${show(operations, init)}`);
    }
    // Otherwise a checker that always says the same would look good.
    expect(illegal / count).toBeGreaterThan(0.4);
    expect(illegal / count).toBeLessThan(0.6);
  });
});
