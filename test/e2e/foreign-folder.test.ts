/**
 * A data folder that belongs to another user, and to a group of ours that may write in it, as a cluster manager gives it
 * to a process (`fsGroup`). Needs to be root, to become others: says so and passes where that cannot be had.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { http, NodeGroup } from './node-group.js';
import { cliScript, Scene } from './processes.js';

const OWNER = 41_001;
const PROCESS = 41_002;
const GROUP = 41_003;
const asProcess = ['setpriv', `--reuid=${PROCESS}`, `--regid=${PROCESS}`, `--groups=${GROUP}`, '--inh-caps=-all', '--'];

const scene = new Scene();
afterEach(() => scene.clean());

function canBecomeOthers(): boolean {
  try {
    const [command = '', ...rest] = asProcess;
    execFileSync(command, [...rest, process.execPath, '--check', cliScript], { stdio: 'pipe' });
    return true;
  } catch (error) {
    process.stderr.write(`no folder of another user here: ${String(error).split('\n')[0] ?? ''}\n`);
    return false;
  }
}

/** As a cluster manager does before it starts a process: all belongs to the group, and the group may write. */
function give(path: string): void {
  const { isFolder, mode } = { isFolder: statSync(path).isDirectory(), mode: statSync(path).mode & 0o777 };
  chownSync(path, OWNER, GROUP);
  chmodSync(path, isFolder ? 0o2770 : mode | 0o060);
  if (isFolder) for (const name of readdirSync(path)) give(join(path, name));
}

it('is served from, when it is new and when all in it belongs to the other user', async () => {
  if (!canBecomeOthers()) return;
  const disk = scene.folder();
  chmodSync(disk, 0o711);
  const data = join(disk, 'n1');
  mkdirSync(data);
  give(data);
  const group = await new NodeGroup(scene, ['--shards', '1'], {}, asProcess, disk).start(1);
  const { url, program } = group.node('n1');
  expect((await http.put(`${url}/v1/kv/a`, 'x')).status).toBe(201);
  // Whose process it is; what it made is its own.
  expect(statSync(join(data, 'journal.db'))).toMatchObject({ uid: PROCESS, gid: GROUP });
  await program.stop('SIGKILL');
  give(data);
  group.startNode('n1');
  await group.ready();
  expect((await http.get(`${url}/v1/kv/a`)).data).toBe('x');
  expect((await http.put(`${url}/v1/kv/a`, 'y')).status).toBe(200);
  expect(statSync(join(data, 'journal.db'))).toMatchObject({ uid: OWNER, gid: GROUP });
});
