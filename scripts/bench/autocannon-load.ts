/**
 * Load by autocannon (https://github.com/mcollina/autocannon), where wrk is not installed.
 *
 * It counts latencies in whole milliseconds, and is several times as costly as wrk. Runs in a process of its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { HttpJob, HttpLoad, LoadOutcome } from './target.js';

const require = createRequire(import.meta.url);

export function hasAutocannon(): boolean {
  try {
    require.resolve('autocannon');
    return true;
  } catch {
    return false;
  }
}

export const autocannonLoad: HttpLoad = { name: 'autocannon', run };

async function run(job: HttpJob): Promise<LoadOutcome> {
  const script = fileURLToPath(new URL('./autocannon-worker.ts', import.meta.url));
  const child = fork(script, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  try {
    child.send(job);
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`autocannon ended with code ${String(code)}`);
    });
    ended.catch(() => undefined);
    const [outcome] = (await Promise.race([once(child, 'message'), ended])) as [LoadOutcome];
    return outcome;
  } finally {
    child.kill('SIGKILL');
  }
}
