/** Node processes for the fault control: killed, paused, started, and observed. */
import type { ProcessOptions, NodeProcesses, ProcessView } from '../../src/faults/index.js';
import type { NodeProgram } from '../support/node-program.js';

export class ControlledPrograms implements NodeProcesses {
  readonly #programs: readonly NodeProgram[];
  readonly #paused = new Set<NodeProgram>();
  readonly #killed = new Set<NodeProgram>();
  #stopping = false;

  /** The first is node 1. */
  constructor(programs: readonly NodeProgram[]) {
    this.#programs = programs;
  }

  view(node: number): ProcessView {
    const program = this.#of(node);
    const { pid, running, ending, warnings } = program;
    const state = !running ? 'dead' : this.#paused.has(program) ? 'paused' : 'running';
    return {
      pid,
      state,
      ended: running ? null : manner(ending),
      killed: this.#killed.has(program),
      warnings,
    };
  }

  async kill(node: number): Promise<void> {
    const program = this.#of(node);
    this.#killed.add(program);
    this.#paused.delete(program);
    await program.killed();
  }

  pause(node: number): void {
    const program = this.#of(node);
    program.signal('SIGSTOP');
    this.#paused.add(program);
  }

  resume(node: number): void {
    const program = this.#of(node);
    program.signal('SIGCONT');
    this.#paused.delete(program);
  }

  start(node: number, { dataDir, settings: { tickMs, electionTicks, leaseReads } = {} }: ProcessOptions = {}): void {
    if (this.#stopping) throw new Error('the cluster is stopping');
    const program = this.#of(node);
    this.#killed.delete(program);
    this.#paused.delete(program);
    program.start({
      ...(dataDir === undefined ? {} : { data: dataDir }),
      ...(tickMs === undefined ? {} : { 'tick-ms': tickMs }),
      ...(electionTicks === undefined ? {} : { 'election-ticks': electionTicks }),
      ...(leaseReads ? { 'lease-reads': true } : {}),
    });
  }

  /** SIGTERM to all, paused or not, SIGKILL to what is left after `graceMs`; none is started any more. */
  async stopAll(graceMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#programs.map((program) => program.stopped(graceMs)));
  }

  #of(node: number): NodeProgram {
    const program = this.#programs[node - 1];
    if (program === undefined) throw new Error(`there is no node ${node}`);
    return program;
  }
}

function manner(ending: NodeProgram['ending']): string | null {
  if (ending === undefined) return null;
  const { code, signal } = ending;
  return signal === null ? `ended with code ${code ?? 0}` : `was killed by ${signal}`;
}
