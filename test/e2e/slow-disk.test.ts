/**
 * A disk that is slow, hangs, fails or is full through the shim, as seen by a real node, which recovers by itself.
 *
 * Of times only lower bounds are asserted, which no busy machine can break, and one upper bound on the fastest of many.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { buildSlowDiskShim } from '../../scripts/slow-disk/index.js';
import { http, NodeGroup } from './node-group.js';
import { Program, Scene, cleanEnvironment, cliScript, projectRoot, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

const DELAY_MS = 1_000;

async function putMs(url: string): Promise<number> {
  const startedAt = performance.now();
  const { status } = await http.put(`${url}/v1/kv/a`, '1', { headers: { 'content-type': 'text/plain' } });
  expect([200, 201]).toContain(status);
  return performance.now() - startedAt;
}

async function fastestOf(count: number, url: string): Promise<number> {
  let fastest = Infinity;
  for (let i = 0; i < count; i++) fastest = Math.min(fastest, await putMs(url));
  return fastest;
}

/** The longest of the node's latest commits, as the node itself measured it. */
async function longestCommitMs(url: string): Promise<number> {
  const { data } = await http.get<string>(`${url}/metrics`);
  return Number(/^kvorum_storage_commit_seconds\{quantile="1"\} (\S+)$/m.exec(data)?.[1]) * 1000;
}

it('a file slow-sync in the data folder delays each commit until it is removed', async () => {
  const shim = await buildSlowDiskShim();
  // Without a C compiler there is no shim; a line on standard error says so.
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data } = group.node('n1');
  const signal = join(data, 'slow-sync');
  expect(await fastestOf(5, url)).toBeLessThan(DELAY_MS);

  writeFileSync(signal, String(DELAY_MS));
  expect(await fastestOf(2, url)).toBeGreaterThanOrEqual(DELAY_MS);
  expect(await longestCommitMs(url)).toBeGreaterThanOrEqual(DELAY_MS);

  writeFileSync(signal, '0');
  // The first may still wait for a slow sync that was under way.
  await putMs(url);
  expect(await fastestOf(5, url)).toBeLessThan(DELAY_MS);
  rmSync(signal);
  expect(await fastestOf(5, url)).toBeLessThan(DELAY_MS);
});

it('a file clock-offset sets the date of a running node, back and forth, and not its other clock', async () => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data } = group.node('n1');
  const signal = join(data, 'clock-offset');
  const offMs = async (): Promise<number> => {
    const { headers } = await http.get(`${url}/livez`);
    return Date.parse(String(headers['date'])) - Date.now();
  };
  const HOUR_MS = 3_600_000;
  for (const hours of [-50, 7, 0]) {
    writeFileSync(signal, String(hours * HOUR_MS));
    await until(
      `the date is ${hours} hours off`,
      async () => Math.abs((await offMs()) - hours * HOUR_MS) < HOUR_MS / 2,
    );
    await putMs(url);
  }
  writeFileSync(signal, String(-50 * HOUR_MS));
  await until('the date is off again', async () => (await offMs()) < -HOUR_MS);
  rmSync(signal);
  await until('the date is right', async () => Math.abs(await offMs()) < HOUR_MS / 2);
  expect(await putMs(url)).toBeLessThan(HOUR_MS);
});

it('a disk that hangs keeps the node unready until it comes back, and one put waits for it', async () => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data, program } = group.node('n1');
  const signal = join(data, 'slow-sync');
  writeFileSync(signal, 'hang');
  const headers = { 'content-type': 'text/plain', 'kv-timeout': '60s' };
  const put = http.put(`${url}/v1/kv/a`, '1', { headers, timeout: 60_000 });
  await until('the node says that its disk hangs', async () => {
    const { status, data: text } = await http.get<string>(`${url}/readyz`);
    return status === 503 && /disk.* a write has been under way/.test(text);
  });
  rmSync(signal);
  expect((await put).status).toBe(201);
  await group.ready();
  await putMs(url);
  expect(program.child.exitCode).toBeNull();
});

it('a node whose disk hangs stops in time on request, and logs why not gracefully; nothing is lost', async () => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data, program } = group.node('n1');
  await putMs(url);
  const signal = join(data, 'slow-sync');
  writeFileSync(signal, 'hang');
  const headers = { 'content-type': 'text/plain', 'kv-timeout': '1s' };
  expect((await http.put(`${url}/v1/kv/a`, '2', { headers })).status).toBe(504);
  program.child.kill('SIGTERM');
  const { code, signal: by } = await program.ended;
  // Its storage thread is in a call that does not return, past which Node has no exit code.
  expect([code, by]).toEqual([null, 'SIGKILL']);
  expect(program.stderr).toEqual(['kvorum: the disk hangs: the store was not closed within 3000 ms']);
  rmSync(signal);
  group.startNode('n1');
  await group.ready();
  expect((await http.get<string>(`${url}/v1/kv/a`)).data).toMatch(/^[12]$/);
});

it('a node that starts on a disk that hangs runs, reports why it is not ready, stops on request, and serves once it can', async () => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const first = group.node('n1');
  await putMs(first.url);
  await first.program.stop();
  const signal = join(first.data, 'slow-sync');
  writeFileSync(signal, 'hang');
  const { url, program } = group.startNode('n1');
  const unready = async (): Promise<void> => {
    await until('it says why it is not ready', async () => {
      const { status, data } = await http.get<string>(`${url}/readyz`).catch(() => ({ status: 0, data: '' }));
      return status === 503 && /process is starting[^]*disk: the data folder is being opened for/.test(data);
    });
    expect((await http.get(`${url}/livez`)).status).toBe(200);
  };
  await unready();
  program.child.kill('SIGTERM');
  expect((await program.ended).signal).toBe('SIGKILL');
  group.startNode('n1');
  await unready();
  rmSync(signal);
  await group.ready();
  expect((await http.get<string>(`${url}/v1/kv/a`)).data).toBe('1');
});

/** Closes a store, or does not, while its disks hang. Exit code 3 unless the process is killed. */
const EMBEDDED = `
import { writeFileSync } from 'node:fs';
const [, , library, dataDir, hangs, closes] = process.argv;
const { DistributedKeyValueStore } = await import(library);
const store = new DistributedKeyValueStore({ nodes: 3, shards: 2, dataDir, timeoutMs: 2_000 });
await store.put('k', 'before');
if (hangs) for (const node of ['n1', 'n2', 'n3']) writeFileSync(dataDir + '/' + node + '/slow-sync', 'hang');
console.log(await store.put('k', 'after').then(() => 'put', ({ code, outcome }) => code + ' ' + outcome));
if (closes) {
  console.log(await store.simulateNodeFailure(0).then(() => 'failed'));
  console.log(await store.close().then(() => 'closed', ({ code }) => code));
  process.exitCode = 3;
} else process.exit(3);
`;

it.each([
  ['hangs', 'closes', { said: ['timeout unknown', 'failed', 'storage-failed'], code: null, signal: 'SIGKILL' }],
  ['hangs', '', { said: ['timeout unknown'], code: null, signal: 'SIGKILL' }],
  ['', 'closes', { said: ['put', 'failed', 'closed'], code: 3, signal: null }],
  ['', '', { said: ['put'], code: 3, signal: null }],
])(
  'an embedded store does not hold up the end of its program: disk "%s", store "%s"',
  async (hangs, closes, expected) => {
    const shim = await buildSlowDiskShim();
    if (shim === undefined) return;
    const folder = scene.folder();
    const script = join(folder, 'program.mjs');
    writeFileSync(script, EMBEDDED);
    const library = pathToFileURL(join(projectRoot, 'dist', 'index.js')).href;
    const args = [script, library, join(folder, 'data'), hangs, closes];
    const program = scene.keep(new Program(process.execPath, args, { env: cleanEnvironment({ LD_PRELOAD: shim }) }));
    const { code, signal } = await program.ended;
    expect({ said: program.stdout, code, signal }, program.output).toEqual(expected);
  },
);

it.each([
  ['a full disk', ''],
  ['a quota that is used up', 'quota'],
])('%s makes commits wait, and the node goes on by itself once there is room', async (_, word) => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data, program } = group.node('n1');
  await putMs(url);
  const signal = join(data, 'full-disk');
  writeFileSync(signal, word);
  const body = 'x'.repeat(100_000);
  await until('writes are refused for want of room', async () => {
    const { status } = await http.put(`${url}/v1/kv/large`, body, { headers: { 'content-type': 'text/plain' } });
    return status === 507;
  });
  expect((await http.get<string>(`${url}/metrics`)).data).toMatch(
    /^kvorum_storage_stalled\{waits="commits",reason="disk-full"\} 1$/m,
  );
  expect((await http.get(`${url}/v1/kv/a`)).status).toBe(200);
  rmSync(signal);
  await until('writes are taken again', async () => {
    const { status } = await http.put(`${url}/v1/kv/large`, body, { headers: { 'content-type': 'text/plain' } });
    return status === 200 || status === 201;
  });
  expect(program.child.exitCode).toBeNull();
});

it('a full disk that only a sync reports ends the node with advice; after that it serves what it acknowledged', async () => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data, program } = group.node('n1');
  await putMs(url);
  const signal = join(data, 'full-disk');
  writeFileSync(signal, 'sync');
  const headers = { 'content-type': 'text/plain', 'kv-timeout': '5s' };
  const refused = await http.put(`${url}/v1/kv/b`, '2', { headers }).catch(() => undefined);
  expect(refused?.status ?? 503).toBeGreaterThanOrEqual(500);
  expect((await program.ended).code).toBe(1);
  expect(program.output).toMatch(/finds no space \(EDQUOT\), which only the sync reported.*free space, then restart/);
  // It does not start before there is room.
  const { program: early } = group.startNode('n1');
  expect((await early.ended).code).toBe(1);
  rmSync(signal);
  group.startNode('n1');
  await group.ready();
  expect((await http.get<string>(`${url}/v1/kv/a`)).data).toBe('1');
});

it('a disk that fails ends the node at its next write; restarted on a working disk it serves again', async () => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const group = await new NodeGroup(scene, [], { LD_PRELOAD: shim }).start(1);
  const { url, data, program } = group.node('n1');
  await putMs(url);
  const signal = join(data, 'failed-disk');
  writeFileSync(signal, '');
  const put = await http
    .put(`${url}/v1/kv/a`, '2', { headers: { 'content-type': 'text/plain' } })
    .catch(() => undefined);
  // Never acknowledged: the process may be gone before it answers.
  expect(put?.status ?? 503).toBeGreaterThanOrEqual(500);
  expect((await program.ended).code).toBe(1);
  expect(program.output).toMatch(/disk I\/O error \(SQLITE_IOERR_\w+\)".*"node failed, stopping"/);
  rmSync(signal);
  group.startNode('n1');
  await group.ready();
  await putMs(url);
});

it.each(['', 'quota'])('a program whose output finds no room ends in good order: full-disk says "%s"', async (word) => {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) return;
  const folder = scene.folder();
  writeFileSync(join(folder, 'full-disk'), word);
  const output = openSync(join(folder, 'output'), 'w');
  const env = cleanEnvironment({ LD_PRELOAD: shim });
  const { status } = spawnSync(process.execPath, [cliScript, '--version'], {
    env,
    stdio: ['ignore', output, 'ignore'],
  });
  closeSync(output);
  expect(status).toBe(0);
  expect(readFileSync(join(folder, 'output'), 'utf8')).toBe('');
});

it('reports why there is no shim, and returns none', async () => {
  const said: string[] = [];
  const shim = await buildSlowDiskShim({ compiler: 'no-such-compiler', say: (message) => said.push(message) });
  expect(shim).toBeUndefined();
  expect(said.join('\n')).toMatch(/^no slow disk here: .*(?:no-such-compiler|needs Linux)/);
});
