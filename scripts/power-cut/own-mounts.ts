/**
 * Runs this same script again in a mount namespace of its own.
 *
 * No other process sees its mounts then. Otherwise a process that makes a mount namespace meanwhile (`ip netns exec`
 * does) gets a copy of them, and keeps a disk mounted that was unmounted here. And they disappear with the last process
 * inside, even if that is killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';

const INSIDE = 'KVORUM_POWER_CUT_INSIDE';
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export const hasOwnMounts = (): boolean => process.env[INSIDE] === '1';

/** Resolves with the exit code of the inner run. */
export async function withOwnMounts(): Promise<number> {
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const inner = spawn('unshare', ['--mount', '--propagation', 'private', '--', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  // A terminal sends Ctrl-C to both; the inner one handles it only once.
  for (const signal of PASSED_ON) process.on(signal, () => inner.kill(signal));
  const [code, signal] = (await once(inner, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}
