/** The runner with instruments that only look into the copy: what is planted is there, and nothing is left behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Instrument, Sighting } from '../../scripts/mutants/instrument.js';
import type { Mutant } from '../../scripts/mutants/mutant.js';
import { findingsTable } from '../../scripts/mutants/report.js';
import { controlsFor, runControls, runMutants, type Laboratory } from '../../scripts/mutants/run.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const folders: string[] = [];

/** Catches what has `BUG` in src/version.ts, and in what was built from it. */
const reader: Instrument = {
  name: 'sim',
  unit: 'seeds',
  budget: 10,
  unavailable: () => undefined,
  run: (folder, budget) => {
    folders.push(folder);
    const text = (file: string): string => readFileSync(join(folder, file), 'utf8');
    const sees = text('src/version.ts').includes("'BUG'") && text('dist/version.js').includes("'BUG'");
    const after = `${budget} seeds`;
    const sighting: Sighting = sees
      ? { type: 'caught', after, seconds: 0, what: 'BUG' }
      : { type: 'silent', after, seconds: 0 };
    return Promise.resolve(sighting);
  },
};
const absent: Instrument = { ...reader, name: 'power-cut', unavailable: () => 'needs root' };

const find = "'../package.json'";
const bug: Mutant = {
  id: 'X1',
  title: 'a bug',
  caughtBy: ['sim'],
  budget: { sim: 20 },
  edits: [{ file: 'src/version.ts', find, replace: "'BUG'" }],
};
const harmless: Mutant = {
  ...bug,
  id: 'X2',
  harmless: [],
  budget: {},
  edits: [{ file: 'src/version.ts', find, replace: "'OTHER'" }],
};
const elsewhere: Mutant = { ...bug, id: 'X3', caughtBy: ['power-cut'] };

const laboratory = (): Laboratory => ({
  root,
  instruments: [reader, absent],
  jobs: 2,
  onLook: () => undefined,
});

describe('the runner', () => {
  it('plants each mutant into a copy, runs its instruments, and leaves no files behind', async () => {
    const findings = await runMutants(laboratory(), [bug, harmless, elsewhere]);
    expect(findings.map(({ mutant, verdict }) => `${mutant.id} ${verdict}`)).toEqual([
      'X1 caught',
      'X2 survived',
      'X3 not run',
    ]);
    expect(findings[2]?.missing).toEqual([{ instrument: 'power-cut', why: 'needs root' }]);
    expect(folders).toHaveLength(2);
    for (const folder of folders) expect(existsSync(folder)).toBe(false);
    expect(readFileSync(join(root, 'src/version.ts'), 'utf8')).toContain(find);
  }, 60_000);

  it('can run every instrument even after one caught the mutant, and names all that did', async () => {
    const blind: Instrument = {
      ...reader,
      name: 'nodes',
      run: () => Promise.resolve({ type: 'silent', after: '10 seeds', seconds: 0 }),
    };
    const also: Instrument = { ...reader, name: 'sim-contention' };
    const lab = { ...laboratory(), instruments: [reader, blind, also] };
    const all: Mutant = { ...bug, caughtBy: ['sim', 'nodes', 'sim-contention'] };
    const each = await runMutants({ ...lab, each: true }, [all]);
    expect(each[0]?.looks.map(({ instrument }) => instrument)).toEqual(['sim', 'nodes', 'sim-contention']);
    expect(findingsTable(each)).toContain('sim, sim-contention');
    const first = await runMutants(lab, [all]);
    expect(first[0]?.looks.map(({ instrument }) => instrument)).toEqual(['sim']);
  }, 60_000);

  it('runs controls first: the unchanged source with the largest budget, and harmless parts with their own', async () => {
    const lab = laboratory();
    const controls = controlsFor(lab, [bug, harmless, { ...bug, harmless: bug.edits, edits: [] }, elsewhere]);
    expect(controls.map(({ planted, budget }) => [planted.id, budget])).toEqual([
      ['control', 20],
      ['X2 control', 10],
      ['X1 control', 20],
    ]);
    const looks = await runControls(lab, controls);
    expect(looks.map(({ sighting }) => sighting.type)).toEqual(['silent', 'silent', 'caught']);
  }, 60_000);
});
