/**
 * A pool of worker processes that run simulated seeds in parallel, started on demand.
 *
 * A process that dies or hangs fails its seed and no other: the next seed gets a new process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Measured, Scenario } from '../sim/index.js';
import type { SimAnswer, SimTask } from './sim-worker.js';

export interface SimWorkersOptions {
  /** Path of this program, which has the command `sim-worker`. */
  readonly script: string;
  /** A seed that takes longer counts as hung. */
  readonly limitMs: number;
}

/** A worker has one core to itself: helper threads of V8 would take it from other workers. A quarter faster. */
const ONE_CORE = [
  '--single-threaded-gc',
  '--no-concurrent-recompilation',
  '--min-semi-space-size=16',
  '--max-semi-space-size=32',
];

/** Kept of the end of a process's standard error. */
const KEPT_CHARACTERS = 4_000;

export class SimWorkers {
  readonly #options: SimWorkersOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor(options: SimWorkersOptions) {
    this.#options = options;
  }

  /** Runs one seed in an idle or new process. @throws Error if the seed threw, or its process died or hung */
  async run(seed: number, scenario: Scenario): Promise<Measured> {
    const worker = this.#idle.pop() ?? this.#start();
    const answer = await worker.ask({ seed, scenario }, this.#options.limitMs);
    if (worker.alive) this.#idle.push(worker);
    else this.#all.delete(worker);
    if ('error' in answer) throw new Error(answer.error);
    return answer.measured;
  }

  /** Kills all processes; they are stateless. */
  close(): void {
    for (const worker of this.#all) worker.kill();
    this.#all.clear();
    this.#idle.length = 0;
  }

  #start(): Worker {
    const worker = new Worker(this.#options.script);
    this.#all.add(worker);
    return worker;
  }
}

class Worker {
  readonly #child: ChildProcess;
  #alive = true;
  #stderrTail = '';
  #settle: ((answer: SimAnswer) => void) | undefined;
  #hung: number | undefined;

  constructor(script: string) {
    // Standard output belongs to the report.
    this.#child = fork(script, ['sim-worker'], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [...process.execArgv, ...ONE_CORE],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-KEPT_CHARACTERS);
    });
    this.#child.on('message', (answer: SimAnswer) => {
      this.#settle?.(answer);
    });
    this.#child.once('error', (error) => {
      this.#end(`its process could not be used: ${error.message}`);
    });
    // Not `exit`: the last output may still be in the pipe.
    this.#child.once('close', (code, signal) => {
      const manner = signal === null ? `ended with code ${code ?? 0}` : `was killed by ${signal}`;
      const why = this.#hung === undefined ? `its process ${manner}` : `it did not end within ${this.#hung / 1000} s`;
      this.#end([why, this.#stderrTail.trim()].filter((part) => part !== '').join('\n'));
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  async ask(task: SimTask, limitMs: number): Promise<SimAnswer> {
    const limit = setTimeout(() => {
      this.#hung = limitMs;
      this.kill();
    }, limitMs);
    this.#stderrTail = '';
    const answered = new Promise<SimAnswer>((resolve) => {
      this.#settle = resolve;
    });
    if (this.#alive) this.#child.send(task);
    else this.#end('its process was gone before the seed was sent');
    const answer = await answered;
    clearTimeout(limit);
    return answer;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #end(why: string): void {
    this.#alive = false;
    this.#settle?.({ error: why });
  }
}
