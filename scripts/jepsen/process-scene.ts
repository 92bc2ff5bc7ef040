/**
 * The usual scene: `kvorum start --faults` as a child process, with its nodes, routers and proxies on this machine.
 *
 * Uses only the command line and the files in the cluster's folder, like a user with a terminal.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { controlClient } from '../../src/faults/index.js';
import { slowDiskShim } from './slow-disk-shim.js';
import { cannotBeDone } from './kinds.js';
import type { Scene, SceneOptions } from './scene.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const READY_LIMIT_MS = 60_000;
/** The supervisor itself needs at most 5 s. */
const STOP_LIMIT_MS = 10_000;

/** @throws Error if the cluster does not come up; its log is in the folder that the message names */
export async function startProcessScene(options: SceneOptions): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-jepsen-'));
  const data = join(folder, 'data');
  const cannot = cannotBeDone(options);
  const shim = await slowDiskShim(options.kinds, cannot);
  const child = start(options, { folder, data, shim });
  const ended = new Promise<void>((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(force);
  };
  try {
    await ready(child, ended, folder);
    const { url } = JSON.parse(readFileSync(join(data, 'faults.json'), 'utf8')) as { url: string };
    const control = controlClient(url);
    const { nodes, routers } = await control.status();
    const endpoints = [...routers, ...nodes].map((party) => party.url);
    return { control, endpoints, folder, cannot, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Places {
  readonly folder: string;
  readonly data: string;
  readonly shim: string | undefined;
}

function start({ nodes, replicas, routers, shards }: SceneOptions, { folder, data, shim }: Places): ChildProcess {
  const said = { nodes, replicas, routers, shards, data, port: 0, 'log-level': 'info' };
  const flags = Object.entries(said).map(([name, value]) => `--${name}=${value}`);
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:KVORUM_|NODE_OPTIONS|LD_PRELOAD)/.test(name));
  const env = {
    ...Object.fromEntries(kept),
    // As under npm: if this process is killed, the supervisor notices that its parent is gone, and ends everything.
    npm_lifecycle_event: 'jepsen',
    ...(shim === undefined ? {} : { LD_PRELOAD: shim }),
  };
  // A process group of its own, so that Ctrl-C reaches only this program, which heals first and then stops the cluster.
  const child = spawn(process.execPath, [CLI, 'start', '--faults', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    detached: true,
  });
  child.stderr.pipe(createWriteStream(join(folder, 'cluster.log')));
  return child;
}

function ready(child: ChildProcess, ended: Promise<void>, folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`the cluster did not come up: ${why}; see ${join(folder, 'cluster.log')}`));
    };
    const timer = setTimeout(fail, READY_LIMIT_MS, `not ready after ${READY_LIMIT_MS / 1_000} s`);
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (!line.startsWith('kvorum ready ')) return;
        clearTimeout(timer);
        resolve();
      });
    }
    void ended.then(() => {
      fail('it ended');
    });
  });
}
