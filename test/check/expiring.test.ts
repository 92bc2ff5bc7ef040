/** Increments and times to live: the search against brute force, and what a report says of them. */
import { describe, expect, it } from 'vitest';
import { checkHistory, formatOperation, formatReport, type Operation } from '../../src/check/index.js';
import { parseOperation } from '../../src/check/read-line.js';
import { seededRandom } from '../../src/random.js';
import { isLinearizable } from './brute-force.js';
import { smallExpiring } from './small-expiring.js';

const STEPS = { steps: 100_000 };
const show = (operations: readonly Operation[], init: string | null): string =>
  [`init ${JSON.stringify(init)}`, ...operations.map(formatOperation)].join('\n');

describe.each([
  ['all outcomes known', false, 15_000, 1, 0],
  ['unknown outcomes', true, 15_000, 1_000_001, 0],
  ['a tolerance', true, 5_000, 2_000_001, 0.3],
])('small random histories, %s', (_, unknowns, count, firstSeed, ttlTolerance) => {
  it('get the verdict of a brute-force search', () => {
    let illegal = 0;
    for (let seed = firstSeed; seed < firstSeed + count; seed++) {
      const { operations, init } = smallExpiring(seededRandom(seed), unknowns);
      const expected = isLinearizable(operations, init, ttlTolerance) ? 'LINEARIZABLE' : 'ILLEGAL';
      if (expected === 'ILLEGAL') illegal++;
      const { verdict } = checkHistory(operations, { init, ttlTolerance, ...STEPS });
      if (verdict !== expected)
        expect.unreachable(`seed ${seed}: ${verdict}, not ${expected}\n${show(operations, init)}`);
    }
    expect(illegal / count).toBeGreaterThan(0.3);
    expect(illegal / count).toBeLessThan(0.7);
  });
});

const at = (start: number, end = start + 1): Pick<Operation, 'client' | 'key' | 'ok' | 'start' | 'end'> => ({
  ...{ client: 0, key: 'k', ok: true },
  ...{ start, end },
});
const put = (start: number, ttl?: number): Operation => ({
  ...at(start),
  op: 'put',
  value: 'a',
  ...(ttl === undefined ? {} : { ttl }),
});
const absentAt = (start: number): Operation => ({ ...at(start), op: 'get', result: null });
const verdictOf = (operations: readonly Operation[], ttlTolerance = 0): string =>
  checkHistory(operations, { ttlTolerance, ...STEPS }).verdict;

describe('a time to live', () => {
  it.each([
    ['from its moment on the key may be absent', [put(0, 10), absentAt(10)], 'LINEARIZABLE'],
    ['and may be there', [put(0, 10), { ...at(50), op: 'get', result: 'a' }], 'LINEARIZABLE'],
    ['before it the key is there', [put(0, 10), absentAt(8)], 'ILLEGAL'],
    ['a later put ends it', [put(0, 10), put(5), absentAt(50)], 'ILLEGAL'],
    ['a touch extends it', [put(0, 10), { ...at(5), op: 'touch', ttl: 40 }, absentAt(30)], 'ILLEGAL'],
    ['for as long as it says', [put(0, 10), { ...at(5), op: 'touch', ttl: 40 }, absentAt(45)], 'LINEARIZABLE'],
    ['a touch without one ends it', [put(0, 10), { ...at(5), op: 'touch' }, absentAt(99)], 'ILLEGAL'],
    ['an append keeps it', [put(0, 10), { ...at(5), op: 'append', value: 'b' }, absentAt(30)], 'LINEARIZABLE'],
  ] as [string, Operation[], string][])('%s', (_, operations, verdict) => {
    expect(verdictOf(operations)).toBe(verdict);
  });

  it('may be shorter by the tolerance, and no more', () => {
    expect(verdictOf([put(0, 100), absentAt(89)], 0.1)).toBe('LINEARIZABLE');
    expect(verdictOf([put(0, 100), absentAt(88)], 0.1)).toBe('ILLEGAL');
  });

  it('in many operations does not multiply the configurations', () => {
    const operations = Array.from({ length: 400 }, (_, i): Operation[] => [
      { ...at(10 * i, 10 * i + 200), client: i % 40, op: 'put', value: `v${i}`, ttl: 5, ok: i % 3 === 0 ? null : true },
      { ...at(10 * i + 3), client: 99, op: 'get', result: null },
    ]).flat();
    const { verdict, steps } = checkHistory(operations, { steps: 200_000 });
    expect(verdict).toBe('LINEARIZABLE');
    expect(steps).toBeLessThan(20_000);
  });

  it('is named in the report of a failure', () => {
    const { failure, ...rest } = checkHistory([put(0, 10), absentAt(5)], STEPS);
    expect(formatReport({ ...rest, failure: failure! })).toContain('put "a", ttl 10');
  });
});

describe('an increment', () => {
  const add = (start: number, value: string, result: string): Operation => ({
    ...at(start),
    op: 'increment',
    value,
    result,
  });
  it('counts an absent key as 0, and each answer once', () => {
    expect(verdictOf([add(0, '5', '5'), add(2, '-5', '0'), add(4, '0', '0')])).toBe('LINEARIZABLE');
    expect(verdictOf([add(0, '5', '5'), add(2, '5', '15')])).toBe('ILLEGAL');
  });

  it('without an answer may have happened, once', () => {
    const lost: Operation = { ...at(0), op: 'increment', value: '5', ok: null };
    expect(verdictOf([lost, add(2, '1', '6')])).toBe('LINEARIZABLE');
    expect(verdictOf([lost, add(2, '1', '1')])).toBe('LINEARIZABLE');
    expect(verdictOf([lost, add(2, '1', '11')])).toBe('ILLEGAL');
  });
});

describe('lines of the format', () => {
  it.each([
    { ...at(1, 2), op: 'increment', value: '-12', result: '0' },
    { ...at(1, 2), op: 'put', value: 'v', ttl: 50 },
    { ...at(1, 2), op: 'touch', ttl: 12345678901234567890n },
  ] as Operation[])('are read as they were written: %o', (operation) => {
    expect(parseOperation(formatOperation(operation))).toEqual(operation);
  });

  it.each([
    [
      '"op":"increment","value":"01","result":"1"',
      '"value" must be an integer in quotes, without leading zeros; got "01"',
    ],
    ['"op":"increment","value":"1"', '"result" must be an integer in quotes, without leading zeros; got nothing'],
    ['"op":"increment","value":1,"result":"1"', '"value" must be an integer in quotes, without leading zeros; got 1'],
    ['"op":"put","value":"v","ttl":-1', '"ttl" (-1) is below 0'],
    ['"op":"put","value":"v","ttl":1.5', '"ttl" must be an integer, or an integer in quotes; got 1.5'],
  ])('are refused: %s', (fields, message) => {
    const line = `{"client":0,"key":"k","ok":true,"start":1,"end":2,${fields}}`;
    expect(() => parseOperation(line)).toThrow(message);
  });
});
