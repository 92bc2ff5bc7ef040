/** What the power cuts count, and when they complain: without root, disk or cluster. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { parseOptions } from '../../scripts/power-cut/options.js';
import { weakened } from '../../scripts/power-cut/program.js';
import { Promises } from '../../scripts/power-cut/promises.js';
import { complaints, describeSetting, type CutResult } from '../../scripts/power-cut/report.js';
import { labelIn, labelOf, textOf } from '../../scripts/power-cut/values.js';

describe('promises', () => {
  const acknowledged = (key: string, ...values: (string | undefined)[]) => {
    const promises = new Promises();
    for (const value of values) {
      promises.begin(key, value);
      promises.acknowledge(key, value);
    }
    return promises;
  };

  it('are kept by the last acknowledged write only', () => {
    expect(acknowledged('a', '1', '2').judge('a', '2')).toBeUndefined();
    const loss = { key: 'a', expected: '2', alsoRight: [], found: '1' };
    expect(acknowledged('a', '1', '2').judge('a', '1')).toEqual(loss);
    expect(acknowledged('a', '1', '2').judge('a', undefined)).toEqual({ ...loss, found: undefined });
  });

  it('are broken by a deleted key that reappears, and kept by one that does not', () => {
    expect(acknowledged('a', '1', undefined).judge('a', undefined)).toBeUndefined();
    expect(acknowledged('a', '1', undefined).judge('a', '1')).toMatchObject({ expected: undefined, found: '1' });
  });

  it('allow either effect of an unanswered write until a read has observed it', () => {
    const promises = acknowledged('a', '1');
    promises.begin('a', '2');
    expect(promises.isOutcomeUnknown('a')).toBe(true);
    expect(promises.judge('a', '1')).toBeUndefined();
    expect(promises.isOutcomeUnknown('a')).toBe(true);
    expect(promises.judge('a', '2')).toBeUndefined();
    expect(promises.isOutcomeUnknown('a')).toBe(false);
    expect(promises.judge('a', '1')).toMatchObject({ expected: '2', found: '1' });
  });

  it('do not include refused writes', () => {
    const promises = acknowledged('a', '1');
    promises.begin('a', '2');
    promises.refuse('a', '2');
    expect(promises.judge('a', '2')).toMatchObject({ expected: '1', alsoRight: [], found: '2' });
  });

  it('count a loss once: the value read is expected from then on', () => {
    const promises = acknowledged('a', '1', '2');
    expect(promises.judge('a', '1')).toBeDefined();
    expect(promises.judge('a', '1')).toBeUndefined();
  });

  it('count acknowledged writes, keys that have one, and unresolved writes', () => {
    const promises = acknowledged('a', '1', undefined, '2');
    promises.begin('b', '1');
    expect(promises.acknowledged).toBe(3);
    expect(promises.made).toBe(1);
    expect(promises.unresolved).toBe(1);
    expect(promises.keys).toEqual(['a', 'b']);
    expect(() => {
      promises.acknowledge('b', 'another');
    }).toThrow('no such write was begun');
  });
});

describe('values', () => {
  it.each([0, 16, 17, 4096])('of %i bytes are recognised', (bytes) => {
    const label = labelOf('r1c2-3', bytes);
    const text = textOf(label);
    expect(text.length).toBe(Math.max(bytes, label.length + 1));
    expect(labelIn(text)).toBe(label);
  });

  it('are not recognised when damaged, truncated or empty', () => {
    const text = textOf(labelOf('r1c2-3', 100));
    for (const damaged of [text.slice(0, 99), `${text}r`, text.replace(/3\/100;$/, 'x'), `x${text}`, '', 'text', ';']) {
      if (damaged !== text) expect(labelIn(damaged)).toMatch(/^damaged: /);
    }
  });
});

describe('the patch', () => {
  it('applies to the source as it is', () => {
    const source = readFileSync(new URL('../../src/raft/storage/journal/journal-db.ts', import.meta.url), 'utf8');
    expect(weakened(source)).toMatch(/synchronous = \$\{mode === 'MEMORY' \? 'OFF' : 'FULL'\}/);
  });

  it('fails if its text is missing or occurs twice', () => {
    expect(() => weakened("db.pragma('journal_mode = MEMORY')")).toThrow('no longer applies');
    const once = 'const now = this.#db.pragma(`journal_mode = ${mode}`, { simple: true });';
    expect(weakened(once)).toContain(once);
    expect(() => weakened(once + once)).toThrow('no longer applies');
  });
});

describe('the verdict', () => {
  const good: CutResult = {
    ...{ cut: 1, acknowledged: 2000, outcomeUnknown: 9, lost: 0, read: 1500, toServeMs: 800 },
    ...{ faults: [], losses: [] },
  };

  it('passes with no loss at synchronous=FULL, and with a loss at OFF', () => {
    expect(complaints({ synchronous: 'FULL', cuts: [good, { ...good, cut: 2 }] })).toEqual([]);
    expect(complaints({ synchronous: 'OFF', cuts: [good, { ...good, cut: 2, lost: 5 }] })).toEqual([]);
  });

  it.each([
    ['FULL', { lost: 1 }, 'cut 1 lost 1 acknowledged writes'],
    ['FULL', { faults: ['n1 ended'] }, 'cut 1: n1 ended'],
    ['FULL', { acknowledged: 999 }, 'too few'],
    ['OFF', { lost: 0 }, 'cannot show a missing sync'],
    ['OFF', { acknowledged: 999, lost: 5 }, 'too few'],
  ] as const)('%s fails with %o', (synchronous, bad, complaint) => {
    const result = { synchronous, cuts: [{ ...good, ...bad }] };
    expect(complaints(result).join('; ')).toContain(complaint);
    expect(describeSetting(result)).toContain('FAILED');
  });

  it('follows a line per cut and the totals', () => {
    const text = describeSetting({ synchronous: 'FULL', cuts: [good, { ...good, cut: 2, toServeMs: null }] });
    expect(text.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['synchronous=FULL'],
      ['cut', 'acknowledged', 'unknown', 'lost', 'read back', 'to serve, ms'],
      ['1', '2,000', '9', '0', '1,500', '800'],
      ['2', '2,000', '9', '0', '1,500', 'not served'],
      ['all', '4,000', '18', '0'],
      ['0 acknowledged writes lost in 2 power cuts'],
    ]);
  });
});

describe('the command line', () => {
  it('has defaults, and takes both settings in turn', () => {
    expect(parseOptions(['--seed', '7'])).toEqual({
      ...{ cuts: 20, nodes: 3, shards: 16, clients: 32, synchronous: ['FULL'], seed: 7 },
      ...{ json: false, require: false },
    });
    expect(parseOptions(['--synchronous', 'both', '--cuts', '3', '--json', '--require'])).toMatchObject({
      ...{ synchronous: ['FULL', 'OFF'], cuts: 3, json: true, require: true },
    });
  });

  it.each([
    [['--cuts', '0'], '--cuts'],
    [['--cuts', '2.5'], '--cuts'],
    [['--nodes', '10'], 'from 1 to 9'],
    [['--synchronous', 'NORMAL'], 'FULL, OFF, both'],
    [['--cut', '3'], '--cut'],
    [['20'], 'too many arguments'],
  ])('refuses %o and says why', (argv, why) => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(parseOptions(argv)).toBe(2);
    expect(write.mock.calls.map(([text]) => String(text)).join('')).toContain(why);
    write.mockRestore();
  });
});
