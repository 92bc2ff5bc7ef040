import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyIncrement, type IncrementSpec } from '../../../src/shard/machine/index.js';

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);
type Options = Partial<IncrementSpec>;

const increment = (current: string | undefined, by: bigint, options: Options = {}) => {
  const result = applyIncrement(current === undefined ? undefined : Buffer.from(current), {
    by,
    initial: 0n,
    clamp: false,
    ...options,
  });
  if ('fault' in result) return result.fault.code;
  return { ...result, value: Buffer.from(result.value).toString() };
};
const is = (number: bigint, applied: bigint, changed = true) => ({ value: String(number), number, applied, changed });

describe('increment', () => {
  it.each<[string, string | undefined, bigint, Options, unknown]>([
    ['adds', '41', 1n, {}, is(42n, 1n)],
    ['subtracts', '1', -3n, {}, is(-2n, -3n)],
    ['adds nothing', '7', 0n, {}, is(7n, 0n)],
    ['adds nothing to a number beyond the bound', '7', 0n, { max: 5n }, is(7n, 0n)],
    ['starts an absent key from zero', undefined, 5n, {}, is(5n, 5n)],
    ['starts an absent key from `initial`', undefined, 5n, { initial: 10n }, is(15n, 5n)],
    ['reaches the upper bound', '9', 1n, { max: 10n }, is(10n, 1n)],
    ['stays at the upper bound', '10', 1n, { max: 10n }, is(10n, 0n, false)],
    ['does not go over it', '9', 2n, { max: 10n }, is(9n, 0n, false)],
    ['goes to the upper bound', '9', 5n, { max: 10n, clamp: true }, is(10n, 1n)],
    ['does not go under the lower bound', '1', -2n, { min: 0n }, is(1n, 0n, false)],
    ['goes to the lower bound', '1', -2n, { min: 0n, clamp: true }, is(0n, -1n)],
    ['stays at the bound that it would go to', '10', 5n, { max: 10n, clamp: true }, is(10n, 0n, false)],
    ['does not move a number back to the bound', '20', 5n, { max: 10n, clamp: true }, is(20n, 0n, false)],
    ['lets a number beyond the bound come back', '20', -5n, { max: 10n }, is(15n, -5n)],
    ['lets a number come back from below', '-20', 5n, { min: 0n }, is(-15n, 5n)],
    ['leaves an absent key absent at a bound', undefined, 1n, { initial: 3n, max: 3n }, is(3n, 0n, false)],
    ['creates a key by going to the bound', undefined, 9n, { initial: 1n, max: 3n, clamp: true }, is(3n, 2n)],
    ['reaches the largest number', String(MAX - 1n), 1n, {}, is(MAX, 1n)],
    ['refuses to go beyond it', String(MAX), 1n, {}, 'patch-failed'],
    ['refuses to go beyond it from far', String(MAX), MAX, {}, 'patch-failed'],
    ['has no bound to go to there', String(MAX), 1n, { min: 0n, clamp: true }, 'patch-failed'],
    ['stays at the largest number as a bound', String(MAX), 1n, { max: MAX }, is(MAX, 0n, false)],
    ['goes to the largest number as a bound', String(MAX - 1n), MAX, { max: MAX, clamp: true }, is(MAX, 1n)],
    ['reaches the smallest number', String(MIN + 1n), -1n, {}, is(MIN, -1n)],
    ['refuses to go beyond the smallest', String(MIN), -1n, {}, 'patch-failed'],
    ['is exact beyond a double', '9007199254740993', 2n, {}, is(9007199254740995n, 2n)],
    ['refuses a step out of range', '0', MAX + 1n, {}, 'invalid-request'],
    ['refuses a bound out of range', '0', 1n, { min: MIN - 1n }, 'invalid-request'],
  ])('%s', (_, current, by, options, result) => {
    expect(increment(current, by, options)).toEqual(result);
  });

  it.each([
    ...['', '+1', '01', '00', '-0', '-', ' 1', '1 ', '1\n', '1.0', '1e3', '0x1', '"1"', 'null', '1_000', '١', '--1'],
    ...[String(MAX + 1n), String(MIN - 1n), '9'.repeat(10_000), '1\u0000'],
  ])('refuses the value %j', (text) => {
    expect(increment(text, 0n)).toBe('wrong-type');
  });

  it('is never beyond a bound by its own doing, and says exactly what it added', () => {
    const integer = fc.oneof(fc.bigInt(-20n, 20n), fc.bigInt(MIN, MAX), fc.constantFrom(MIN, MIN + 1n, MAX - 1n, MAX));
    const optional = fc.option(integer, { nil: undefined });
    fc.assert(
      fc.property(integer, integer, optional, optional, fc.boolean(), (start, by, min, max, clamp) => {
        const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
        const result = increment(String(start), by, { ...bounds, clamp });
        const bound = by > 0n ? max : by < 0n ? min : undefined;
        if (typeof result === 'string') {
          expect(result).toBe('patch-failed');
          expect(start + by > MAX || start + by < MIN).toBe(true);
          expect(bound).toBeUndefined();
          return;
        }
        expect(result.number).toBe(start + result.applied);
        expect(result.value).toBe(String(result.number));
        if (result.applied === by) return;
        expect(bound).toBeDefined();
        if (result.changed) expect([clamp, result.number]).toEqual([true, bound]);
        else expect(result.applied).toBe(0n);
      }),
      { numRuns: 1_000 },
    );
  });
});
