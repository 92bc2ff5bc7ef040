/**
 * One `kvorum node` or `kvorum router` process of a script, which can be stopped and started again; optionally started
 * through another command that execs it (`ip netns exec …`).
 *
 * It is tied to this process by an IPC channel, so that it ends when the script is killed.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Warnings } from '../../src/cli/warnings.js';

export interface NodeProgramOptions {
  readonly name: string;
  /** The built command line: …/dist/cli.js. */
  readonly cli: string;
  readonly role?: 'node' | 'router';
  readonly args: Readonly<Record<string, string | number | true>>;
  /** A command that executes its arguments, such as `ip netns exec NAME`. */
  readonly behind?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly onLine?: (line: string) => void;
}

const LAST_WORDS = 200;
const SUSPEND_LIMIT_MS = 10_000;

export type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export class NodeProgram {
  readonly name: string;
  readonly #options: NodeProgramOptions;
  readonly #warnings = new Warnings();
  #lastLine = 'it said nothing';
  #child: ChildProcess | undefined;
  #pid = 0;
  #ending: Ending | undefined;
  #ended: Promise<Ending> = Promise.resolve({ code: null, signal: null });

  constructor(options: NodeProgramOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** Of the latest process; 0 before the first. */
  get pid(): number {
    return this.#pid;
  }

  /** How the latest process ended, if it has. */
  get ending(): Ending | undefined {
    return this.running ? undefined : this.#ending;
  }

  /** Settles when the current process ends; already settled if none runs. */
  get ended(): Promise<Ending> {
    return this.#ended;
  }

  /** The beginning of its last line of output. */
  get lastOutput(): string {
    return this.#lastLine.slice(0, LAST_WORDS);
  }

  /** Of the latest process. */
  get warnings(): readonly string[] {
    return this.#warnings.lines;
  }

  /** @param more args of this process only, which replace or extend the usual ones */
  start(more: NodeProgramOptions['args'] = {}): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    const { cli, role = 'node', args, behind = [], env = {} } = this.#options;
    const flags = Object.entries({ ...args, ...more }).map(([flag, value]) =>
      value === true ? `--${flag}` : `--${flag}=${value}`,
    );
    const [command = '', ...rest] = [...behind, process.execPath, cli, role, ...flags];
    this.#warnings.clear();
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: environment(env) });
    this.#child = child;
    this.#pid = child.pid ?? 0;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null)
        createInterface({ input: stream }).on('line', (line) => {
          this.#keep(line);
        });
    }
    this.#ended = new Promise((resolve) => {
      const end = (ending: Ending) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#ending = ending;
        resolve(ending);
      };
      child.once('exit', (code, signal) => {
        end({ code, signal });
      });
      child.once('error', (error) => {
        this.#keep(`could not be started: ${error.message}`);
        end({ code: null, signal: null });
      });
    });
  }

  /** Does nothing if it does not run. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** SIGSTOP, and waits until each of its threads is stopped: none of them writes or answers any more. */
  async suspend(): Promise<void> {
    const { pid } = this;
    if (!this.running) throw new Error(`${this.name} does not run`);
    this.signal('SIGSTOP');
    const startedAt = performance.now();
    while (!isSuspended(pid)) {
      if (performance.now() - startedAt > SUSPEND_LIMIT_MS) throw new Error(`${this.name} was not suspended in time`);
      await pause(1);
    }
  }

  /** SIGKILL; settles when the process is gone. */
  async killed(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM, and SIGKILL if it is still there after `graceMs`. */
  async stopped(graceMs: number): Promise<Ending> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    const force = setTimeout(() => {
      this.signal('SIGKILL');
    }, graceMs);
    const ending = await this.#ended;
    clearTimeout(force);
    return ending;
  }

  #keep(line: string): void {
    this.#warnings.add(line);
    this.#options.onLine?.(line);
    this.#lastLine = line;
  }
}

/** All settings are on the command line: no environment setting of the script's user may reach the nodes. */
function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:KVORUM_|NODE_OPTIONS$|NODE_V8)/.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

/** State T in /proc/PID/task/N/stat, proc(5), of every thread. */
function isSuspended(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((task) => {
    const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  });
}
