/**
 * The search against brute force on thousands of small histories, and on long ones whose verdict is known because they
 * were made.
 */
import { describe, expect, it } from 'vitest';
import { checkHistory, formatOperation, type Operation } from '../../src/check/index.js';
import { compileKey } from '../../src/check/compile.js';
import { apply, relevance, type Value } from '../../src/check/model.js';
import { Search } from '../../src/check/search.js';
import { seededRandom } from '../../src/random.js';
import { correctHistory, type HistoryPlan } from '../support/histories.js';
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
      const { operations, init } = smallHistory(seededRandom(seed), unknowns);
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

/** Replays a legal order with the model, and looks at real time. */
function isProof(order: readonly Operation[], all: readonly Operation[], init: Value): boolean {
  let value: Value | undefined = init;
  for (const [index, operation] of order.entries()) {
    value = apply(operation, value);
    if (value === undefined) return false;
    if (order.slice(index + 1).some((later) => later.ok !== null && later.end < operation.start)) return false;
  }
  const placed = new Set(order);
  return placed.size === order.length && all.every((one) => relevance(one) !== 'must' || placed.has(one));
}

describe('the order that is found', () => {
  it.each([false, true])(
    'is a proof: it follows real time, and explains every answer (unknown outcomes: %s)',
    (unknowns) => {
      let legal = 0;
      for (let seed = 2_000_001; seed < 2_004_001; seed++) {
        const { operations, init } = smallHistory(seededRandom(seed), unknowns);
        const ofX = operations.filter(({ key }) => key === 'x');
        const compiled = compileKey(ofX, init);
        const search = new Search(compiled);
        if (search.run(100_000) !== 'legal') continue;
        legal++;
        const order = search.order.map((index) => compiled.operations[index]!);
        if (!isProof(order, ofX, init))
          expect.unreachable(`seed ${seed}\n${show(ofX, init)}\norder\n${show(order, init)}`);
      }
      expect(legal).toBeGreaterThan(1_000);
    },
  );
});

const MIXES = {
  register: { put: 4, get: 5, cas: 2, delete: 0.5 },
  append: { append: 5, get: 5 },
  everything: { put: 3, get: 5, cas: 1, delete: 0.5, append: 2 },
};
const plans: [string, HistoryPlan][] = Object.entries(MIXES).flatMap(([name, mix]) =>
  [0, 0.1, 0.3].map((unknownShare): [string, HistoryPlan] => [
    `${name}, ${unknownShare * 100} % unknown`,
    { seed: 11, operations: 600, keys: 1, clients: 10, mix, unknownShare },
  ]),
);

describe.each(plans)('600 operations of 10 clients on one key: %s', (_, plan) => {
  const history = correctHistory(plan);

  it('are legal as a correct store made them', () => {
    expect(checkHistory(history, { steps: 1_000_000 }).verdict).toBe('LINEARIZABLE');
  });

  it('are illegal once an answer that cannot be true is among them', () => {
    const reads = history
      .filter(({ op, ok }) => op === 'get' && ok === true)
      .sort((a, b) => Number(a.start) - Number(b.start));
    const early = reads.find(({ result }) => typeof result === 'string')!;
    const late = reads.at(-1)!;
    expect(early.result).not.toBe(late.result);
    // Every value is written once: what was read at the beginning and overwritten many times is not there at the end.
    const stale = history.map((operation) => (operation === late ? { ...late, result: early.result! } : operation));
    const { verdict, failure } = checkHistory(stale, { steps: 1_000_000 });
    expect(verdict).toBe('ILLEGAL');
    expect(failure?.operation.op).toBe('get');
  });
});

describe('a long history', () => {
  it('of one key and one client needs no deep stack', () => {
    const operations = Array.from({ length: 100_000 }, (_, i): Operation => {
      const at = { client: 0, key: 'k', ok: true, start: 10 * i, end: 10 * i + 5 };
      return i % 2 === 0 ? { ...at, op: 'put', value: String(i) } : { ...at, op: 'get', result: String(i - 1) };
    });
    expect(checkHistory(operations, { steps: 1_000_000 }).verdict).toBe('LINEARIZABLE');
  });

  it('of 100,000 operations, 50 keys and 20 clients is judged within a few steps an operation', () => {
    const history = correctHistory({ seed: 1, operations: 100_000, keys: 50, clients: 20, mix: MIXES.everything });
    const { verdict, steps, concurrency, keys, clients } = checkHistory(history, { steps: 300_000 });
    expect({ verdict, concurrency, keys, clients }).toEqual({
      verdict: 'LINEARIZABLE',
      concurrency: 20,
      keys: 50,
      clients: 20,
    });
    expect(steps).toBeLessThan(200_000);
  });
});
