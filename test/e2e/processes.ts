/**
 * Real processes for tests: started, awaited by their output, and never left behind.
 *
 * Nothing here waits for a guessed time: every wait ends with an event or with a deadline that fails the test.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../..', import.meta.url));
export const cliScript = join(projectRoot, 'dist', 'cli.js');

/**
 * The test's own settings only: neither a KVORUM_… of the person who runs the tests nor the colours that the test runner
 * wishes for (in CI it does) may reach the processes.
 */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:KVORUM_|VITEST|NODE_OPTIONS|NODE_V8|FORCE_COLOR|NO_COLOR)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...more };
}

export class Program {
  readonly child: ChildProcess;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Settles when the process is gone and its output is read to the end. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #watchers = new Set<() => void>();
  #over = false;

  constructor(
    command: string,
    args: readonly string[],
    options: { cwd?: string; env?: NodeJS.ProcessEnv; detached?: boolean } = {},
  ) {
    const { cwd = projectRoot, env = cleanEnvironment(), detached = false } = options;
    const child = spawn(command, args, { cwd, env, detached, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.#read('stdout', this.stdout);
    this.#read('stderr', this.stderr);
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#over = true;
        this.#notify();
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process did not start');
    return this.child.pid;
  }

  get output(): string {
    return [...this.stdout, ...this.stderr].join('\n');
  }

  /** The first line of standard output that matches, past or yet to come. */
  line(pattern: RegExp, deadlineMs = 30_000): Promise<string> {
    return this.#seen(this.stdout, pattern, deadlineMs);
  }

  errorLine(pattern: RegExp, deadlineMs = 30_000): Promise<string> {
    return this.#seen(this.stderr, pattern, deadlineMs);
  }

  /** Signals and waits for the end; the time it took. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null; tookMs: number }> {
    const startedAt = performance.now();
    this.child.kill(signal);
    const { code } = await this.ended;
    return { code, tookMs: performance.now() - startedAt };
  }

  #read(name: 'stdout' | 'stderr', lines: string[]): void {
    const stream = this.child[name];
    if (stream === null) throw new Error(`no ${name}`);
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      this.#notify();
    });
  }

  #notify(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #seen(lines: readonly string[], pattern: RegExp, deadlineMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const fail = (why: string) => {
        finish();
        reject(new Error(`${why} before ${String(pattern)} was seen; it said:\n${this.output}`));
      };
      const look = () => {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) {
          finish();
          resolve(found);
        } else if (this.#over) fail('the process ended');
      };
      const timer = setTimeout(fail, deadlineMs, `${deadlineMs} ms passed`);
      this.#watchers.add(look);
      look();
    });
  }
}

/** `under`: a command that runs the rest of its line, such as one that sets limits first. */
export function kvorum(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  under: readonly string[] = [],
): Program {
  const [command = '', ...rest] = [...under, process.execPath, cliScript, ...args];
  return new Program(command, rest, { env: cleanEnvironment(env) });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Polls until it holds. @throws when it does not hold in time, with `what` in the message. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const startedAt = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAt > deadlineMs) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await pause(20);
  }
}

/** Processes and folders of one test; `clean` kills and removes what is left of them. */
export class Scene {
  readonly #programs: Program[] = [];
  readonly #folders: string[] = [];

  folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'kvorum-e2e-'));
    this.#folders.push(path);
    return path;
  }

  keep(program: Program): Program {
    this.#programs.push(program);
    return program;
  }

  /** `between`: when the processes are gone, and their folders are not. */
  async clean(between: () => void = () => undefined): Promise<void> {
    for (const program of this.#programs) {
      program.child.kill('SIGKILL');
      await program.ended;
    }
    between();
    // A node process of a killed supervisor ends a moment after it, and writes until then.
    for (const path of this.#folders) rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    this.#programs.length = 0;
    this.#folders.length = 0;
  }
}
