/** `cluster.json`: there whole or not at all. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkOptions } from '../../src/embedded/options.js';
import { readOrMakePlan } from '../../src/embedded/plan.js';

describe('the plan of an embedded cluster', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  it('is written beside its place: what a crash cut short is made anew, and nothing is left of it', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-plan-'));
    folders.push(dataDir);
    writeFileSync(join(dataDir, 'cluster.json.new'), '{"clusterId":"cut sh');
    const options = checkOptions({ nodes: 3, dataDir });
    expect(readOrMakePlan(options, 'first').clusterId).toBe('first');
    expect(readdirSync(dataDir)).toEqual(['cluster.json']);
    expect(JSON.parse(readFileSync(join(dataDir, 'cluster.json'), 'utf8'))).toMatchObject({ clusterId: 'first' });
    expect(readOrMakePlan(options, 'second').clusterId).toBe('first');
  });

  it('says its format; one that says none is of the first; one of a later build is refused by name', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kvorum-plan-'));
    folders.push(dataDir);
    const options = checkOptions({ nodes: 3, dataDir });
    readOrMakePlan(options, 'first');
    const file = join(dataDir, 'cluster.json');
    const { format, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(format).toBe(1);
    writeFileSync(file, JSON.stringify({ ...rest, unheardOf: true }));
    expect(readOrMakePlan(options, 'second').clusterId).toBe('first');
    writeFileSync(file, JSON.stringify({ ...rest, format: 2 }));
    const what = 'cluster.json format 2 is unknown to this build, which reads 1; a later build wrote it';
    expect(() => readOrMakePlan(options, 'third')).toThrow(what);
  });
});
