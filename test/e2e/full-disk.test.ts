/**
 * Nodes on a file system that is really full, and has room again. Needs to be root, to mount one: says so and passes where
 * that cannot be had.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore } from '../../src/index.js';
import { http, json, NodeGroup, statusOf } from './node-group.js';
import { Scene, kvorum, until } from './processes.js';

const scene = new Scene();
const mounted: string[] = [];
afterEach(async () => {
  const folders = mounted.splice(0);
  await scene.clean(() => {
    for (const folder of folders) execFileSync('umount', ['--lazy', folder]);
  });
});

/** A small file system in a folder of its own; undefined if there can be none. */
function smallDisk(megabytes: number, more = ''): string | undefined {
  const folder = scene.folder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m${more}`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    process.stderr.write(`no full disk here: ${String(error).split('\n')[0] ?? ''}\n`);
    return undefined;
  }
  mounted.push(folder);
  return folder;
}

/** The node fails before it opens these ports. */
const nodeCommand = ['node', '--name', 'n1', '--cluster', 'n1=127.0.0.1:1@127.0.0.1:2'];

const ballastIn = (disk: string): string => join(disk, 'ballast');

/** Leaves no page of it free. */
function fill(disk: string): void {
  const file = openSync(ballastIn(disk), 'w');
  try {
    for (const size of [1024 * 1024, 4096]) {
      const bytes = Buffer.alloc(size);
      try {
        for (;;) writeSync(file, bytes);
      } catch (error) {
        if (!String(error).includes('ENOSPC')) throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

const empty = (disk: string): void => {
  rmSync(ballastIn(disk));
};

const value = 'v'.repeat(64 * 1024);
const put = async (url: string, key: string, timeout = '5s'): Promise<number> =>
  (await http.put(`${url}/v1/kv/${key}`, value, { headers: { 'kv-timeout': timeout } })).status;
const readiness = async (url: string): Promise<string> => (await http.get<string>(`${url}/readyz?verbose`)).data;

async function untilFull(url: string): Promise<void> {
  let count = 0;
  await until('a write is refused', async () => (await put(url, `k${count++ % 8}`, '1s')) === 507, 40_000);
}

describe('a cluster of one whose disk is full', () => {
  it('serves reads, refuses writes at once, and takes them again by itself', async () => {
    const disk = smallDisk(24);
    if (disk === undefined) return;
    const group = await new NodeGroup(scene, ['--shards', '1'], {}, [], disk).start(1);
    const { url, program } = group.node('n1');
    expect(await put(url, 'a')).toBe(201);
    fill(disk);
    await untilFull(url);
    const startedAt = performance.now();
    const refused = await http.put(`${url}/v1/kv/a`, value);
    // At once, not after waiting for room.
    expect(performance.now() - startedAt).toBeLessThan(400);
    expect([refused.status, json(refused)]).toMatchObject([507, { code: 'disk-full', outcome: 'not_applied' }]);
    expect((await http.get(`${url}/v1/kv/a`)).data).toBe(value);
    await until('it says so', async () => (await readiness(url)).includes('[-] disk: the disk is full'));
    empty(disk);
    await until('writes are taken again', async () => (await put(url, 'a')) === 200);
    await until('it is ready', async () => (await statusOf(`${url}/readyz`)) === 200);
    expect(program.child.exitCode).toBeNull();
  });

  for (const [how, signal] of [
    ['in order', 'SIGTERM'],
    ['by kill -9', 'SIGKILL'],
  ] as const) {
    it(`and that was stopped ${how} starts, reports what it waits for, and serves as soon as there is room`, async () => {
      const disk = smallDisk(24);
      if (disk === undefined) return;
      const group = await new NodeGroup(scene, ['--shards', '1'], {}, [], disk).start(1);
      expect(await put(group.node('n1').url, 'a')).toBe(201);
      await group.node('n1').program.stop(signal);
      fill(disk);
      const { url, program } = group.startNode('n1');
      await until('it says so', async () => {
        if (program.child.exitCode !== null) throw new Error(`it ended:\n${program.output}`);
        return (await statusOf(`${url}/readyz`)) === 503 && (await readiness(url)).includes('the disk is full');
      });
      expect(await statusOf(`${url}/livez`)).toBe(200);
      empty(disk);
      await group.ready();
      expect((await http.get(`${url}/v1/kv/a`)).data).toBe(value);
      expect(await put(url, 'a')).toBe(200);
    });
  }

  it('from its first start on waits too, and stops on request', async () => {
    const disk = smallDisk(24);
    if (disk === undefined) return;
    fill(disk);
    const group = new NodeGroup(scene, ['--shards', '1'], {}, [], disk);
    await group.addMembers(1);
    const { url, program } = group.startNode('n1');
    await until('it says so', async () => (await statusOf(`${url}/readyz`)) === 503);
    expect(await readiness(url)).toContain('the disk is full');
    const { code, tookMs } = await program.stop('SIGTERM');
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
    empty(disk);
    group.startNode('n1');
    await group.ready();
    expect(await put(url, 'a')).toBe(201);
  });
});

it('a full disk of one of three nodes does not stop the cluster', async () => {
  const disk = smallDisk(24);
  if (disk === undefined) return;
  const group = await new NodeGroup(scene, ['--shards', '4'], {}, [], { n1: disk }).start();
  const { url } = group.node('n2');
  for (let i = 0; i < 8; i++) expect(await put(url, `k${i}`)).toBeLessThan(300);
  fill(disk);
  // Far more than fits on the full disk.
  for (let i = 0; i < 400; i++) expect(await put(url, `k${i % 8}`, '10s')).toBe(200);
  for (let i = 0; i < 8; i++) expect((await http.get(`${url}/v1/kv/k${i}`)).status).toBe(200);
  expect(await readiness(group.node('n1').url)).toContain('the disk is full');
  empty(disk);
  await group.ready();
  expect(await put(group.node('n1').url, 'k0')).toBe(200);
});

it('an embedded store opened on a full disk fails in time with that reason, closes at once, and serves when there is room', async () => {
  const disk = smallDisk(24);
  if (disk === undefined) return;
  const data = { nodes: 3, shards: 2, dataDir: join(disk, 'data') };
  // Made in the time that it takes: the short one is for what the full disk keeps from being done.
  const first = new DistributedKeyValueStore(data);
  await first.put('k', 'before');
  await first.close();
  fill(disk);
  const options = { ...data, timeoutMs: 1_000 };
  // Started anew a node first has to write that it was.
  const second = new DistributedKeyValueStore(options);
  const inTime = async (promise: Promise<unknown>): Promise<unknown> => {
    const startedAt = performance.now();
    const outcome: unknown = await promise.catch((error: unknown) => error);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    return outcome;
  };
  for (const outcome of await Promise.all([second.ready(), second.get('k'), second.put('k', 'never')].map(inTime))) {
    expect(outcome).toMatchObject({ code: 'disk-full', outcome: 'not_applied' });
  }
  const recovering = inTime(second.simulateNodeFailure(0).then(() => second.recoverNode(0)));
  expect(await recovering).toMatchObject({ code: 'disk-full' });
  expect(await inTime(second.close())).toBeUndefined();
  const third = new DistributedKeyValueStore(options);
  expect(await inTime(third.get('k'))).toMatchObject({ code: 'disk-full' });
  empty(disk);
  await third.ready();
  expect(await third.get('k')).toBe('before');
  await third.close();
});

it.each([
  ['is full', '', 'disk-full', 'there is no room on its disk (ENOSPC)'],
  ['is read-only', ',ro', 'storage-failed', 'its file system is read-only (EROFS)'],
])('where the disk %s no new store is created, and one line says so', async (_, more, code, why) => {
  const disk = smallDisk(2, more);
  if (disk === undefined) return;
  if (more === '') fill(disk);
  for (const dataDir of [disk, join(disk, 'new', 'data')]) {
    const before = readdirSync(disk);
    const line = `the data folder ${dataDir} cannot be used: ${why}`;
    const message = `dataDir: ${line}; nothing was written`;
    expect(() => new DistributedKeyValueStore({ nodes: 1, dataDir })).toThrow(
      expect.objectContaining({ name: 'KvorumError', code, message, details: { field: 'dataDir' } }),
    );
    // A node waits for room, and for nothing else.
    const commands = [['start', '--nodes', '1', '--replicas', '1'], ...(more === '' ? [] : [nodeCommand])];
    for (const command of commands) {
      const program = scene.keep(kvorum([...command, '--data', dataDir]));
      expect((await program.ended).code).toBe(1);
      expect(program.output).toBe(`kvorum: ${line}${command[0] === 'start' ? '; nothing was written' : ''}`);
    }
    expect(readdirSync(disk)).toEqual(before);
  }
});

it('a local cluster whose disk is full waits for room, serves when there is some, and stops on request', async () => {
  const disk = smallDisk(24);
  if (disk === undefined) return;
  const dataDir = join(disk, 'data');
  const command = ['start', '--nodes', '1', '--replicas', '1', '--shards', '1', '--port', '0', '--data', dataDir];
  const start = () => scene.keep(kvorum(command));
  const first = start();
  await first.line(/^kvorum ready/);
  expect((await first.stop('SIGINT')).code).toBe(0);
  fill(disk);
  const waiting = `kvorum: waiting for room on the disk of ${dataDir}`;
  const stopped = start();
  await stopped.errorLine(/waiting for room/);
  expect((await stopped.stop('SIGINT')).code).toBe(0);
  expect(stopped.output).toBe(waiting);
  const second = start();
  await second.errorLine(/waiting for room/);
  expect(readdirSync(dataDir)).toEqual(['cluster.json', 'logs', 'n1']);
  empty(disk);
  await second.line(/^kvorum ready/);
  expect(second.stderr.filter((line) => line === waiting)).toHaveLength(1);
  expect((await second.stop('SIGINT')).code).toBe(0);
});
