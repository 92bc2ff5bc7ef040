/** Runs a program to its end, or to a time limit; ends it with all processes that it started. */
import { spawn } from 'node:child_process';
import { endGroup, forgetGroup, trackGroup } from './leftovers.js';

export interface ProcessResult {
  readonly code: number | null;
  readonly stdout: string;
  /** The end of its standard error. */
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly seconds: number;
}

const MAX_STDERR = 20_000;

/** The JSON that it printed, or why there is none. */
export function parseReport({
  stdout,
  stderr,
  timedOut,
  code,
}: ProcessResult): { readonly value: unknown } | { readonly why: string } {
  if (timedOut) return { why: 'it was not done in time' };
  try {
    return { value: JSON.parse(stdout) };
  } catch {
    const last = stderr.trim().split('\n').at(-1) ?? '';
    return { why: `no JSON, exit code ${String(code)}: ${last}` };
  }
}

/** `cwd`: where to run. `env`: on top of this process's own environment. */
export function runNode(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs: number },
): Promise<ProcessResult> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: '1', ...options.env };
    // A process group of its own: an instrument may start processes, and none may outlive it.
    const child = spawn(process.execPath, args, {
      cwd: options.cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = child;
    if (pid !== undefined) trackGroup(pid);
    let timedOut = false;
    let stderr = '';
    const stdout: Buffer[] = [];
    const timer = setTimeout(() => {
      timedOut = true;
      if (pid !== undefined) endGroup(pid);
    }, options.timeoutMs);
    child.stdout.on('data', (data: Buffer) => stdout.push(data));
    child.stderr.on('data', (data: Buffer) => {
      stderr = (stderr + data.toString()).slice(-MAX_STDERR);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (pid !== undefined) forgetGroup(pid);
      const seconds = (performance.now() - start) / 1000;
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr, timedOut, seconds });
    });
  });
}
