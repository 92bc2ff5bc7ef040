/**
 * Wall clocks of nodes that were stepped: a file in a node's data folder, which the shim polls (scripts/slow-disk). The
 * monotonic clock is unchanged.
 */
import { FaultRefused, type Fault, type NodeView } from './fault.js';
import { CLOCK_FILE, sayToShim, WITHOUT_SHIM } from './shim-files.js';

export type ClockFault = Extract<Fault, { type: 'step-clock' }>;

export class SteppedClocks {
  readonly #dataDirs: readonly string[];
  readonly #offsets = new Map<number, number>();
  readonly #hasShim: boolean;

  /** @param dataDirs of nodes 1..N, in order; files that an earlier start left there are removed */
  constructor(dataDirs: readonly string[], hasShim: boolean) {
    this.#dataDirs = dataDirs;
    this.#hasShim = hasShim;
    for (const index of dataDirs.keys()) this.heal(index + 1);
  }

  view(node: number): Pick<NodeView, 'clockOffMs'> {
    const ms = this.#offsets.get(node);
    return ms === undefined ? {} : { clockOffMs: ms };
  }

  /** @throws FaultRefused if the nodes run without the shim */
  apply({ type, node, ms }: ClockFault): void {
    if (!this.#hasShim) throw new FaultRefused(`${type}: ${WITHOUT_SHIM}`);
    if (ms === 0) this.#offsets.delete(node);
    else this.#offsets.set(node, ms);
    this.#say(node);
  }

  heal(node: number): void {
    this.#offsets.delete(node);
    this.#say(node);
  }

  #say(node: number): void {
    const dataDir = this.#dataDirs[node - 1];
    if (dataDir === undefined) throw new RangeError(`there is no node ${node}`);
    sayToShim(dataDir, CLOCK_FILE, this.#offsets.get(node)?.toString());
  }
}
