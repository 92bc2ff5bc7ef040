/**
 * One node process of a local cluster, from the supervisor's side: starts it, reads its log, signals it, reports its
 * exit.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Warnings } from './warnings.js';

export interface NodeProcessOptions {
  readonly name: string;
  /** Path of this program. */
  readonly script: string;
  readonly args: readonly string[];
  /** A line of its log, without the line end. */
  readonly onLine: (line: string) => void;
  /** It exited, by itself or as requested. */
  readonly onExit: (ending: ProcessExit) => void;
}

export interface ProcessExit {
  readonly pid: number;
  /** The supervisor had killed or stopped it. */
  readonly requested: boolean;
  /** For messages: "was killed by SIGKILL", "ended with code 1". */
  readonly manner: string;
  readonly uptimeMs: number;
}

/** SIGCONT ends SIGSTOP. */
type Pause = 'SIGSTOP' | 'SIGCONT';

export class NodeProcess {
  readonly name: string;
  readonly #options: NodeProcessOptions;
  readonly #warnings = new Warnings();
  #child: ChildProcess | undefined;
  #stopRequested = false;
  #paused = false;
  #exit: ProcessExit | undefined;
  #exited: Promise<void> = Promise.resolve();
  #lastPid = 0;

  constructor(options: NodeProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The process id of the latest start; 0 before the first. */
  get pid(): number {
    return this.#lastPid;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** True if it runs and was paused by `signal`. */
  get paused(): boolean {
    return this.#paused;
  }

  /** How the latest process exited; undefined while it runs. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Settles when the current process exits. */
  get exited(): Promise<void> {
    return this.#exited;
  }

  /** Warnings of the latest process. */
  get warnings(): readonly string[] {
    return this.#warnings.lines;
  }

  /** @param args for this process instead of the usual ones */
  start(args = this.#options.args): void {
    this.#stopRequested = false;
    this.#paused = false;
    this.#exit = undefined;
    this.#warnings.clear();
    const { script, onLine, onExit } = this.#options;
    const seen = (line: string) => {
      this.#warnings.add(line);
      onLine(line);
    };
    const startedAt = performance.now();
    const child = fork(script, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
    this.#child = child;
    this.#lastPid = child.pid ?? 0;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', seen);
    }
    this.#exited = new Promise((resolve) => {
      const end = (manner: string) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#paused = false;
        this.#exit = {
          pid: this.#lastPid,
          requested: this.#stopRequested,
          manner,
          uptimeMs: performance.now() - startedAt,
        };
        onExit(this.#exit);
        resolve();
      };
      child.once('exit', (code, signal) => {
        end(signal === null ? `ended with code ${code ?? 0}` : `was killed by ${signal}`);
      });
      child.once('error', (error) => {
        end(`could not be started: ${error.message}`);
      });
    });
  }

  signal(pause: Pause): void {
    if (this.#child?.kill(pause) === true) this.#paused = pause === 'SIGSTOP';
  }

  /** `kill -9`, counted as requested. Settles when the process is gone. */
  async kill(): Promise<void> {
    this.#stopRequested = true;
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, and SIGKILL if it is still there after `graceMs`. Settles when the process is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopRequested = true;
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    if (this.#paused) this.signal('SIGCONT');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#exited;
    clearTimeout(force);
  }
}
