import { describe, expect, it } from 'vitest';
import type { Sighting } from '../../scripts/mutants/instrument.js';
import { judgeJepsen, judgePowerCut } from '../../scripts/mutants/real-processes.js';
import { judgeSimulation, portions } from '../../scripts/mutants/simulator.js';
import { findingsTable, summary } from '../../scripts/mutants/report.js';
import { complaintAbout, exitCodeOf, verdictOf, type Finding, type Look } from '../../scripts/mutants/verdict.js';

const caught: Sighting = { type: 'caught', after: '3 seeds', seconds: 1, what: 'a stale read' };
const silent: Sighting = { type: 'silent', after: '400 seeds', seconds: 9 };
const broken: Sighting = { type: 'broken', seconds: 2, why: 'no JSON' };
const look = (sighting: Sighting): Look => ({ instrument: 'sim', sighting });
const finding = (...sightings: readonly Sighting[]): Finding => {
  const looks = sightings.map(look);
  const missing = looks.length > 0 ? [] : [{ instrument: 'power-cut' as const, why: 'power cuts need root' }];
  return {
    mutant: { id: 'X1', title: 'a bug', caughtBy: ['sim', 'repairs'] },
    verdict: verdictOf(looks),
    looks,
    missing,
  };
};

describe('a verdict', () => {
  it('is caught if any instrument caught it', () => {
    expect(verdictOf([look(silent), look(caught)])).toBe('caught');
    expect(verdictOf([look(broken), look(caught)])).toBe('caught');
  });
  it('is survived if all instruments ran and detected nothing', () => {
    expect(verdictOf([look(silent), look(silent)])).toBe('survived');
  });
  it('is unclear if an instrument gave no verdict', () => {
    expect(verdictOf([look(silent), look(broken)])).toBe('unclear');
  });
  it('is not run if no instrument could run', () => {
    expect(verdictOf([])).toBe('not run');
  });
});

describe('the exit code', () => {
  it('is 0 only if all were caught', () => {
    expect(exitCodeOf([finding(caught), finding(silent, caught)])).toBe(0);
  });
  it('is 1 if one survived or is unclear', () => {
    expect(exitCodeOf([finding(caught), finding(silent)])).toBe(1);
    expect(exitCodeOf([finding(broken), finding(caught)])).toBe(1);
    expect(exitCodeOf([finding(), finding(silent)])).toBe(1);
  });
  it('is 3 if all that could be run were caught', () => {
    expect(exitCodeOf([finding(caught), finding()])).toBe(3);
  });
});

describe('a control', () => {
  it('passes only if the instrument completed and detected nothing', () => {
    expect(complaintAbout(look(silent))).toBeUndefined();
    expect(complaintAbout(look(caught))).toMatch(/sim catches the source without a mutant \(a stale read\)/);
    expect(complaintAbout(look(broken))).toMatch(/does not run/);
  });
});

describe('the report of the simulator', () => {
  const ended = (code: number, report: unknown) => ({
    code,
    stdout: typeof report === 'string' ? report : JSON.stringify(report),
    stderr: 'progress\nTypeError: x is not a function',
    timedOut: false,
    seconds: 4,
  });
  const failure = { seed: '11', check: 'invariant', reason: 'two leaders in term 3' };

  it('catches with the seed that reproduces it', () => {
    expect(judgeSimulation(ended(1, { failures: [failure] }), 400)).toEqual({
      type: 'caught',
      after: '17 seeds',
      seconds: 4,
      what: 'invariant: two leaders in term 3',
      repeat: 'kvorum sim --seed 11',
    });
  });
  it('detects nothing if all seeds passed', () => {
    expect(judgeSimulation(ended(0, { failures: [] }), 400)).toMatchObject({ type: 'silent', after: '400 seeds' });
  });
  it('proves nothing without a report, with a failure code and no failure, or out of time', () => {
    const why = expect.stringContaining('TypeError') as string;
    expect(judgeSimulation(ended(1, 'oops'), 5)).toMatchObject({ type: 'broken', why });
    expect(judgeSimulation(ended(1, { failures: [] }), 5)).toMatchObject({ type: 'broken' });
    expect(judgeSimulation({ ...ended(0, { failures: [] }), timedOut: true }, 5)).toMatchObject({ type: 'broken' });
  });
  it('covers all seeds in batches, each once', () => {
    for (const budget of [1, 8, 9, 300]) {
      const seeds = portions(budget).flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
      expect(seeds).toEqual(Array.from({ length: budget }, (_, i) => i + 1));
    }
    expect(portions(300).length).toBeLessThan(6);
  });
});

describe('reports of scripts with real processes', () => {
  const ended = (code: number, report: unknown) => ({
    code,
    stdout: JSON.stringify(report),
    stderr: 'power-cut: cut 1 had 90 acknowledged writes',
    timedOut: false,
    seconds: 4,
  });
  const cuts = (...lost: readonly number[]) => ({
    results: [{ synchronous: 'FULL', cuts: lost.map((count, i) => ({ cut: i + 1, lost: count })) }],
  });

  it('of power-cut catch only by lost acknowledged writes', () => {
    expect(judgePowerCut(ended(1, cuts(0, 17, 3)))).toMatchObject({
      type: 'caught',
      after: '2 cuts',
      what: '17 acknowledged writes lost',
    });
    expect(judgePowerCut(ended(0, cuts(0, 0)))).toMatchObject({ type: 'silent', after: '2 cuts' });
    expect(judgePowerCut(ended(1, cuts(0, 0)))).toMatchObject({ type: 'broken' });
    expect(judgePowerCut(ended(0, { skipped: 'needs root' }))).toMatchObject({ type: 'broken' });
  });
  it('of jepsen catch only by a history that is not linearizable', () => {
    const failures = ['ILLEGAL: k1'];
    expect(judgeJepsen(ended(1, { verdict: 'ILLEGAL', failures }), 60)).toMatchObject({
      type: 'caught',
      what: 'ILLEGAL: k1',
    });
    expect(judgeJepsen(ended(0, { verdict: 'LINEARIZABLE', failures: [] }), 60)).toMatchObject({ type: 'silent' });
    expect(judgeJepsen(ended(1, { verdict: 'LINEARIZABLE', failures: ['too few'] }), 60)).toMatchObject({
      type: 'broken',
      why: 'too few',
    });
    expect(judgeJepsen(ended(2, {}), 60)).toMatchObject({ type: 'broken' });
  });
});

describe('the report', () => {
  it('has a row for each, and says what was not run', () => {
    const findings = [finding(silent, caught), finding(silent), finding()];
    const rows = findingsTable(findings).split('\n');
    expect(rows[1]).toMatch(/X1 a bug +sim +3 seeds +10\.0 s/);
    expect(rows[2]).toMatch(/SURVIVED +400 seeds/);
    expect(rows[3]).toMatch(/not run here +power-cut: power cuts need root/);
    expect(summary(findings)).toBe('1 of 3 caught, 1 survived, 1 not run here');
  });
});

describe('the table of findings', () => {
  it('names what caught the bug, with the test file for test suites, and all instruments recorded in the bank', () => {
    const one: Sighting = { ...caught, file: 'test/shard/promises.test.ts' };
    const { mutant } = finding(one);
    const seen: Finding = { mutant, verdict: 'caught', looks: [{ instrument: 'repairs', sighting: one }], missing: [] };
    const [, row = ''] = findingsTable([seen]).split('\n');
    expect(row).toMatch(/X1 a bug.*repairs \(shard\/promises\).*3 seeds.*1\.0 s.*sim, repairs/);
    expect(findingsTable([finding(silent)])).toMatch(/SURVIVED.*sim, repairs/);
  });
});
