import { describe, expect, it } from 'vitest';
import { Warnings } from '../../src/cli/warnings.js';

const line = (level: number, msg: string, more = ''): string => `{"level":${level},"time":1${more},"msg":"${msg}"}`;

describe('the warnings of a node', () => {
  it('are the first line of each message of level warn and above, of the current process', () => {
    const warnings = new Warnings();
    for (const level of [20, 30, 40, 50, 60]) warnings.add(line(level, `at ${level}`));
    warnings.add(line(40, 'at 40', ',"again":true'));
    warnings.add('no line of a log');
    expect(warnings.lines).toEqual([40, 50, 60].map((level) => line(level, `at ${level}`)));
    warnings.clear();
    expect(warnings.lines).toEqual([]);
  });

  it('are bounded, in number and length', () => {
    const warnings = new Warnings();
    for (let i = 0; i < 100; i++) warnings.add(line(40, `${i} ${'x'.repeat(2_000)}`));
    expect(warnings.lines).toHaveLength(20);
    expect(Math.max(...warnings.lines.map(({ length }) => length))).toBe(600);
  });
});
