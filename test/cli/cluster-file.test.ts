import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { leaveClusterFolder, openClusterFolder, saveClusterRecord } from '../../src/cli/cluster-file.js';
import { ConfigError, startConfig } from '../../src/config/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-cluster-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const open = (flags: Record<string, unknown> = {}) => openClusterFolder(startConfig({ data: folder, ...flags }));

function make(flags: Record<string, unknown> = {}) {
  const record = { ...open(flags), ports: [{ peer: 7101, http: 7001 }] };
  saveClusterRecord(folder, record);
  return record;
}

it('remembers the cluster: same id, same ports, also when options are left out', () => {
  const made = make({ nodes: '5', shards: '8' });
  expect(open()).toEqual(made);
  expect(open({ nodes: '5', shards: '8', replicas: '3' })).toEqual(made);
  expect(made).toMatchObject({ nodes: 5, shards: 8, replicas: 3 });
});

it.each([
  ['nodes', '5'],
  ['shards', '8'],
  ['replicas', '1'],
])('refuses another number of %s, naming it and the ways out', (field, value) => {
  make();
  let error: unknown;
  try {
    open({ [field]: value });
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).field).toBe(field);
  expect((error as ConfigError).message).toMatch(new RegExp(`--${field} ${value} contradicts .*--data.*--fresh`));
});

it('starts anew with --fresh: the nodes are gone, the id is another', () => {
  const made = make();
  mkdirSync(join(folder, 'n1'));
  // Of a supervisor that was killed under faults.
  for (const name of ['n1.kept', 'n2.copy', 'n3.stray']) mkdirSync(join(folder, name));
  const fresh = open({ fresh: true, shards: '8' });
  expect(fresh.clusterId).not.toBe(made.clusterId);
  expect(fresh.shards).toBe(8);
  expect(readdirSync(folder)).toEqual(['supervisor.pid']);
});

it('does not empty a folder that holds anything else', () => {
  make();
  writeFileSync(join(folder, 'letter.txt'), 'dear');
  expect(() => open({ fresh: true })).toThrow(/letter\.txt, which is not Kvorum's/);
  expect(existsSync(join(folder, 'letter.txt'))).toBe(true);
  expect(existsSync(join(folder, 'cluster.json'))).toBe(true);
});

it.each(['', '{}', '{"version":2}', 'null'])('refuses a damaged record: %j', (text) => {
  writeFileSync(join(folder, 'cluster.json'), text);
  expect(() => open()).toThrow(/damaged or of another version/);
});

it('row 41: keeps its files to itself', () => {
  const inner = join(folder, 'inner');
  saveClusterRecord(inner, openClusterFolder(startConfig({ data: inner })));
  expect(statSync(inner).mode & 0o777).toBe(0o700);
  for (const file of ['cluster.json', 'supervisor.pid']) expect(statSync(join(inner, file)).mode & 0o777).toBe(0o600);
});

it('takes over from a supervisor that is gone, and leaves nothing of its own hold behind', () => {
  writeFileSync(join(folder, 'supervisor.pid'), '999999999');
  make();
  leaveClusterFolder(folder);
  expect(readdirSync(folder)).toEqual(['cluster.json']);
});
