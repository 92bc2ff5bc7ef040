import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strictJsonError } from '../../src/shard/strict-json.js';

const BOUNDS = { depth: 256, members: 100_000 };
const wrong = (text: string | Buffer, bounds = BOUNDS): string | undefined =>
  strictJsonError(Buffer.from(text as string), bounds);

describe('strict JSON', () => {
  it('accepts whatever JSON.stringify makes, with any white space', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 2, '\t'), (text, indent) => {
        const value = JSON.parse(text) as unknown;
        // JSON.parse drops repeated members.
        expect(wrong(` ${JSON.stringify(value, undefined, indent)}\r\n`)).toBeUndefined();
      }),
    );
  });

  it('never accepts what JSON.parse refuses', () => {
    const bits = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      'a',
      '\\',
      'u0041',
      '1',
      '-',
      '0',
      '.',
      'e',
      '+',
      ' ',
      'true',
      'null',
      'false',
      '\n',
      '"a":1',
    );
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 12, size: 'max' }), (parts) => {
        const text = parts.join('');
        let parses = true;
        try {
          JSON.parse(text);
        } catch {
          parses = false;
        }
        if (!parses) expect(wrong(text)).toBeDefined();
        // The only valid JSON that may be refused has a repeated member name.
        else if (wrong(text) !== undefined) expect(wrong(text)).toMatch(/twice|range|empty/);
      }),
      { numRuns: 5_000 },
    );
  });

  it('accepts surrogate pairs, large but finite numbers, and names that differ', () => {
    for (const text of [
      '"\\ud83d\\ude00"',
      '1e308',
      '-0',
      '1e-400',
      '0.10',
      '{"a":1,"A":2,"":3}',
      '[[],{},[{}]]',
      '"😀\\/\\b"',
    ]) {
      expect([text, wrong(text)]).toEqual([text, undefined]);
    }
  });

  it('a name may appear again in another object', () => {
    expect(wrong('[{"a":{"a":1}},{"a":2}]')).toBeUndefined();
    expect(wrong('{"__proto__":1,"constructor":{},"__proto__":2}')).toMatch(/twice/);
  });

  it.each([2, 8, 9, 10, 40])('finds a name that is there twice among %i', (count) => {
    const names = Array.from({ length: count }, (_, at) => `"n${at}":0`);
    expect(wrong(`{${names.join(',')}}`)).toBeUndefined();
    for (const at of names.keys()) {
      const other = `"\\u006e${at}":0`;
      for (const again of [names[at], other]) expect(wrong(`{${[...names, again].join(',')}}`)).toMatch(/twice/);
    }
  });

  it('names the position of an error', () => {
    expect(wrong('{"a":1 "b":2}')).toBe('unexpected text (at byte 7)');
    expect(wrong('{"aa":1,"aa":2}')).toBe('a member name appears twice (at byte 8)');
  });

  it('row 12 depth is bounded by the option, and costs no stack', () => {
    expect(wrong('['.repeat(256) + ']'.repeat(256))).toBeUndefined();
    expect(wrong('['.repeat(257) + ']'.repeat(257))).toMatch(/deeper than 256/);
    const deep = { depth: 10_000_000, members: 10 };
    expect(wrong('['.repeat(1_000_000) + ']'.repeat(1_000_000), deep)).toBeUndefined();
  });

  it('row 12 a million members are refused at the bound', () => {
    const body = `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":0`).join(',')}}`;
    expect(wrong(body)).toMatch(/more than 100000 members/);
  });
});
