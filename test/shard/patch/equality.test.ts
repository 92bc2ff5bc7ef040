import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonEquals } from '../../../src/shard/machine/index.js';

const equals = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  const result = jsonEquals(left, right);
  expect(jsonEquals(right, left)).toBe(result);
  expect([left.toString(), right.toString()]).toEqual([a, b]);
  return result;
};
const nines = '9'.repeat(40);

describe('JSON equality', () => {
  it.each([
    ['1', '1.0'],
    ['1', '10e-1'],
    ['1', '0.01E+2'],
    ['100', '1e2'],
    ['-1.50', '-15e-1'],
    ['0', '-0.0'],
    ['0', '0e999999999999999999999'],
    ['12345678901234567890', '1234567890123456789e1'],
    ['1e-400', '0.1e-399'],
    [`1e-1${'0'.repeat(40)}`, `0.1e-${nines}`],
    [`1e-${nines}`, `10e-1${'0'.repeat(40)}`],
    [`100e-00${nines}`, `1e-${nines.slice(1)}7`],
    [`0.${'0'.repeat(400)}1e401`, '1'],
    ['"a"', '"\\u0061"'],
    ['"/"', '"\\/"'],
    ['"😀"', '"\\ud83d\\ude00"'],
    ['{"a":1,"b":[{}]}', ' { "b" : [ { } ] , "a" : 1e0 } '],
    ['{"\\u0061":1}', '{"a":1}'],
    ['{"__proto__":1,"a":2}', '{"a":2,"__proto__":1}'],
    ['[]', '[ ]'],
    ['no JSON', 'no JSON'],
    ['', ''],
  ])('%s = %s', (a, b) => {
    expect(equals(a, b)).toBe(true);
  });

  it.each([
    ['1', '2'],
    ['1', '-1'],
    ['1', '10'],
    ['9007199254740993', '9007199254740992'],
    ['12345678901234567890', '12345678901234567891'],
    ['1e-400', '0'],
    ['1e-400', '1e-401'],
    ['0.1', '0.1000000000000000055511151231257827'],
    [`1e-${nines}`, `1e-${nines}0`],
    [`1e-${nines}`, `10e-${nines}`],
    [`1e-${nines}`, '1e-9'],
    [`1e-${nines}`, '1e9'],
    [`1e-1${'0'.repeat(40)}`, `1e-2${'0'.repeat(40)}`],
    ['1', '"1"'],
    ['1', 'true'],
    ['null', 'false'],
    ['true', 'false'],
    ['"a"', '"A"'],
    ['"é"', '"e\u0301"'],
    ['[]', '{}'],
    ['[1,2]', '[2,1]'],
    ['[1]', '[1,1]'],
    ['[[],1]', '[[1]]'],
    ['{"a":1}', '{"a":1,"b":1}'],
    ['{"a":1}', '{"b":1}'],
    ['{"a":null}', '{}'],
    ['{"toString":1}', '{"valueOf":1}'],
    ['1', '1 1'],
    ['1', ''],
    ['{"a":1,"a":1}', '{"a":1}'],
  ])('%s ≠ %s', (a, b) => {
    expect(equals(a, b)).toBe(false);
  });

  it('agrees with exact arithmetic on numbers', () => {
    const digits = fc.stringMatching(/^(?:0|[1-9][0-9]{0,3})(?:\.[0-9]{1,4})?(?:[eE][+-]?[0-9]{1,2})?$/);
    const number = fc.tuple(fc.constantFrom('', '-'), digits).map(([sign, text]) => sign + text);
    fc.assert(
      fc.property(number, number, fc.nat(5), (a, b, zeros) => {
        expect(equals(a, b)).toBe(scaled(a) === scaled(b));
        // The same number with its point moved.
        const [mantissa = '', exponent = '0'] = a.split(/e/i);
        const moved = `${mantissa}${mantissa.includes('.') ? '' : '.'}${'0'.repeat(zeros + 1)}e${exponent}`;
        expect(equals(a, moved)).toBe(true);
        if (!mantissa.includes('.') && !/^-?0/.test(mantissa)) {
          expect(equals(a, `${mantissa}${'0'.repeat(zeros)}e${Number(exponent) - zeros}`)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('agrees with a comparison of parsed values, where numbers are exact', () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(equals(JSON.stringify(a), JSON.stringify(b, undefined, 1))).toBe(sorted(a) === sorted(b));
        expect(equals(JSON.stringify(a, undefined, 1), sorted(a))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

/** The number times 10^200, as an integer. */
function scaled(text: string): bigint {
  const [mantissa = '', exponent = '0'] = text.split(/e/i);
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(200 + Number(exponent) - fraction.length);
}

/** Text with the members of objects in order. */
function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sorted).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${sorted(each)}`).join()}}`;
}
