import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterDiskFull, claimClusterFolder, releaseClusterFolder } from '../../src/cli/cluster-file.js';
import { ConfigError, startConfig } from '../../src/config/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-cluster-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const PORTS = [{ peer: 7101, http: 7001 }];
type Write = NonNullable<Parameters<typeof claimClusterFolder>[2]>;

const open = (flags: Record<string, unknown> = {}, ports = PORTS, write?: Write) =>
  claimClusterFolder(startConfig({ data: folder, ...flags }), () => Promise.resolve(ports), write);

it('records the cluster: same id, same ports, also when options are left out', async () => {
  const made = await open({ nodes: '5', shards: '8' });
  expect(await open()).toEqual(made);
  expect(await open({ nodes: '5', shards: '8', replicas: '3' })).toEqual(made);
  expect(made).toMatchObject({ nodes: 5, shards: 8, replicas: 3, ports: PORTS });
});

it.each([
  ['nodes', '5'],
  ['shards', '8'],
  ['replicas', '1'],
])('refuses another number of %s, naming it and what can be done', async (field, value) => {
  await open();
  const error: unknown = await open({ [field]: value }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).field).toBe(field);
  expect((error as ConfigError).message).toMatch(new RegExp(`--${field} ${value} contradicts .*--data.*--fresh`));
  expect(readdirSync(folder)).not.toContain('supervisor.pid');
});

it('starts anew with --fresh: the nodes are gone, the id is another', async () => {
  const made = await open();
  // Of a supervisor that was killed under faults.
  for (const name of ['n1', 'n1.kept', 'n2.copy', 'n3.stray']) mkdirSync(join(folder, name));
  const fresh = await open({ fresh: true, shards: '8' });
  expect(fresh.clusterId).not.toBe(made.clusterId);
  expect(fresh.shards).toBe(8);
  expect(readdirSync(folder)).toEqual(['cluster.json', 'supervisor.pid']);
});

it('does not empty a folder that holds anything else', async () => {
  await open();
  writeFileSync(join(folder, 'letter.txt'), 'dear');
  await expect(open({ fresh: true })).rejects.toThrow(/letter\.txt, which is not Kvorum's/);
  expect(existsSync(join(folder, 'letter.txt'))).toBe(true);
  expect(existsSync(join(folder, 'cluster.json'))).toBe(true);
});

it.each(['', '{}', '{"version":2}', 'null'])('refuses a damaged record: %j', async (text) => {
  writeFileSync(join(folder, 'cluster.json'), text);
  await expect(open()).rejects.toThrow(/damaged or of another version/);
});

it('row 41: creates files that only their owner can read', async () => {
  const inner = join(folder, 'inner');
  await open({ data: inner });
  expect(statSync(inner).mode & 0o777).toBe(0o700);
  for (const file of ['cluster.json', 'supervisor.pid']) expect(statSync(join(inner, file)).mode & 0o777).toBe(0o600);
});

it('takes over the lock of a supervisor that is gone, and releases its own', async () => {
  writeFileSync(join(folder, 'supervisor.pid'), '999999999');
  await open({ nodes: '1', replicas: '1' });
  releaseClusterFolder(folder);
  expect(readdirSync(folder)).toEqual(['cluster.json']);
});

describe('on a full disk', () => {
  /** For matching files, as a full file system does it: the file is created and stays empty. */
  const full =
    (name: RegExp): Write =>
    (file, text, options) => {
      const refused = name.test(String(file));
      writeFileSync(file, refused ? '' : text, options);
      if (refused) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };

  it.each([/supervisor\.pid$/, /cluster\.json\.tmp$/])(
    'there is no new cluster: one line says where, and nothing is left (%s)',
    async (name) => {
      const dataDir = join(folder, 'above', 'data');
      const why = 'there is no room on its disk (ENOSPC); nothing was written';
      await expect(open({ data: dataDir }, PORTS, full(name))).rejects.toMatchObject({
        message: `the data folder ${dataDir} cannot be used: ${why}`,
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('an existing cluster waits for room only if something must be written', async () => {
    const made = await open();
    // Its lock file was on the disk before.
    expect(await open({}, PORTS, full(/cluster\.json/))).toEqual(made);
    releaseClusterFolder(folder);
    await expect(open({}, PORTS, full(/supervisor\.pid/))).rejects.toThrow(ClusterDiskFull);
    const others = [{ peer: 7102, http: 7002 }];
    await expect(open({}, others, full(/cluster\.json/))).rejects.toThrow(ClusterDiskFull);
    expect(readdirSync(folder)).toEqual(['cluster.json']);
    expect(await open({}, others)).toEqual({ ...made, ports: others });
  });
});
