/**
 * What a hostile patch may cost. Where the bound is one of steps, the position at which it is reached is held too: all
 * builds have to stop at the same operation.
 */
import { describe, expect, it } from 'vitest';
import { jsonEquals } from '../../../src/shard/machine/index.js';
import { BOUNDS, merge, patch, patchText } from './harness.js';

const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const ones = (count: number): string => `[${'1,'.repeat(count - 1)}1]`;
const copy = (from: string, path: string) => ({ op: 'copy', from, path });
const tooMuch = (position: number) => ({ code: 'patch-failed', message: 'the patch takes too much work', position });

describe('the cost of a patch', () => {
  it('a value that doubles ends at twice the bound', () => {
    const bomb = times(60, (at) => copy('', `/${at}`));
    expect(patch('{"a":1}', bomb)).toMatchObject({ code: 'value-too-large', position: 17 });
    expect(
      patch(
        '[1]',
        times(60, () => copy('', '/-')),
      ),
    ).toMatchObject({ code: 'value-too-large', position: 19 });
  });

  it('a value that nests itself ends at the bound of depth', () => {
    const nested = (count: number) =>
      patch(
        '{}',
        times(count, () => copy('', '/a')),
      );
    expect(nested(255)).toBe(`${'{"a":'.repeat(255)}{}${'}'.repeat(255)}`);
    expect(nested(256)).toMatchObject({ code: 'patch-failed' });
    expect(nested(5_000)).toMatchObject({ code: 'patch-failed' });
  });

  it('many operations that each move a long array end early', () => {
    const front = times(20_000, () => ({ op: 'add', path: '/0', value: 1 }));
    expect(patch(ones(200_000), front)).toMatchObject(tooMuch(343));
    // A long array by itself is no reason.
    expect(patch(ones(200_000), front.slice(0, 100))).toBe(ones(200_100));
  });

  it('many copies that each have to be told apart end early', () => {
    const change = times(5_000, () => [copy('', '/0'), { op: 'remove', path: '/0' }]).flat();
    expect(patch(ones(100_000), change)).toMatchObject(tooMuch(38));
  });

  it('copies of objects are counted in members', () => {
    const members = times(10_000, (at) => [`m${at}`, 0] as const);
    const value = JSON.stringify({ a: Object.fromEntries(members) });
    const change = times(2_000, () => [copy('/a', '/b'), { op: 'add', path: '/b/x', value: 1 }]).flat();
    expect(patch(value, change)).toMatchObject(tooMuch(55));
    expect(patch(value, [{ op: 'add', path: '/a/x', value: 1 }, ...change])).toMatchObject(tooMuch(54));
  });

  it('many tests that each read a long value end early', () => {
    const value = JSON.stringify({ a: '\n'.repeat(200_000), b: { c: times(1_000, (at) => ({ at })) } });
    const same = { op: 'test', path: '/a', value: '\n'.repeat(200) };
    expect(patch(value, [same])).toMatchObject({ code: 'patch-failed', position: 0 });
    const parts = { op: 'test', path: '/b', value: (JSON.parse(value) as { b: object }).b };
    expect(
      patch(
        value,
        times(60, () => parts),
      ),
    ).toBe(value);
    const one = { op: 'test', path: '', value: 1 };
    expect(
      patch(
        `1.${'0'.repeat(500_000)}`,
        times(20_000, () => one),
      ),
    ).toMatchObject(tooMuch(38));
  });

  it('neither depth nor length takes the stack', () => {
    const deep = (count: number) => '['.repeat(count) + ']'.repeat(count);
    expect(merge(deep(500_000), '{}')).toMatchObject({ code: 'wrong-type' });
    expect(merge('{}', deep(500_000))).toMatchObject({ code: 'invalid-request' });
    expect(patchText('{}', deep(500_000))).toMatchObject({ code: 'invalid-request' });
    expect(patch('{}', [{ op: 'add', path: '/a'.repeat(500_000), value: 0 }])).toMatchObject({
      code: 'invalid-request',
    });
    expect(patch('{}', [{ op: 'add', path: `/${'~1'.repeat(200_000)}`, value: 0 }])).toBe(
      `{"${'/'.repeat(200_000)}":0}`,
    );
    const failed = patch('{}', [{ op: 'remove', path: `/${'x'.repeat(500_000)}` }]);
    expect(JSON.stringify(failed).length).toBeLessThan(200);
    const limits = { depth: 2_000_000, members: 10 };
    expect(jsonEquals(Buffer.from(deep(300_000)), Buffer.from(` ${deep(300_000)}`), limits)).toBe(true);
    const long = ones(500_000);
    expect(merge(`{"a":${long}}`, '{"b":1}', { ...BOUNDS, valueBytes: 2_000_000 })).toBe(`{"a":${long},"b":1}`);
  });

  it('numbers of a million digits compare in a moment', () => {
    const nines = '9'.repeat(1_000_000);
    const equals = (a: string, b: string) => jsonEquals(Buffer.from(a), Buffer.from(b));
    expect(equals(`1e-${nines}`, `10e-1${'0'.repeat(1_000_000)}`)).toBe(true);
    expect(equals(`1e-${nines}`, `10e-2${'0'.repeat(1_000_000)}`)).toBe(false);
    expect(equals(`0.${nines}`, `0.${nines}0`)).toBe(true);
    expect(equals(`0.${nines}`, `0.${nines}1`)).toBe(false);
  });
});
