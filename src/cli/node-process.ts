/**
 * One node process of a local cluster, as its supervisor sees it: started, listening, gone.
 *
 * Knows the command line of `kvorum node` and the one message that a supervised node sends; nothing of its insides.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Warnings } from './warnings.js';

export interface NodeProcessOptions {
  readonly name: string;
  /** The script of this very program, and what follows it. */
  readonly script: string;
  readonly args: readonly string[];
  /** A line of its log, without the line end. */
  readonly onLine: (line: string) => void;
  /** It ended, on its own or as asked. */
  readonly onExit: (ending: Ending) => void;
}

export interface Ending {
  readonly pid: number;
  /** We had told it to. */
  readonly asked: boolean;
  /** As people say it: "was killed by SIGKILL", "ended with code 1". */
  readonly manner: string;
  readonly livedMs: number;
}

/** SIGCONT ends SIGSTOP. */
type Pause = 'SIGSTOP' | 'SIGCONT';

export class NodeProcess {
  readonly name: string;
  readonly #options: NodeProcessOptions;
  readonly #warnings = new Warnings();
  #child: ChildProcess | undefined;
  #asked = false;
  #paused = false;
  #ending: Ending | undefined;
  #gone: Promise<void> = Promise.resolve();
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

  /** It runs, and is stopped by a signal of ours. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Of the latest life, when it is over. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Settles when the present life ends. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  /** Of the latest life. */
  get warnings(): readonly string[] {
    return this.#warnings.lines;
  }

  /** @param args for this life, in place of the usual ones */
  start(args = this.#options.args): void {
    this.#asked = false;
    this.#paused = false;
    this.#ending = undefined;
    this.#warnings.clear();
    const { script, onLine, onExit } = this.#options;
    const seen = (line: string) => {
      this.#warnings.see(line);
      onLine(line);
    };
    const startedAt = performance.now();
    const child = fork(script, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
    this.#child = child;
    this.#lastPid = child.pid ?? 0;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', seen);
    }
    this.#gone = new Promise((resolve) => {
      const end = (manner: string) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#paused = false;
        this.#ending = { pid: this.#lastPid, asked: this.#asked, manner, livedMs: performance.now() - startedAt };
        onExit(this.#ending);
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

  /** As `kill -9` from outside, but meant. Settles when the process is gone. */
  async kill(): Promise<void> {
    this.#asked = true;
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  /** SIGTERM, and SIGKILL if it is still there after `graceMs`. Settles when the process is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#asked = true;
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGTERM');
    if (this.#paused) this.signal('SIGCONT');
    const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#gone;
    clearTimeout(force);
  }
}
