/** Counts the marks of settings in the topology. Detects no failures. */
import type { Topology } from '../shard/index.js';
import type { Mark } from './marks.js';

export interface SettingsHolder {
  readonly id: number;
  readonly serving: boolean;
  readonly topology: Topology | undefined;
  replicas(): Iterable<{ readonly holdsLease: boolean }>;
}

export class SettingsChecker {
  readonly #nodes: readonly SettingsHolder[];
  readonly #reached: (mark: Mark) => void;
  /** The timers that came into force. */
  readonly #timers = new Set<string>();
  /** Nodes whose timers differed from those of the newest topology at the previous inspection. */
  #behind = new Set<number>();
  #isHeld = false;

  constructor(nodes: readonly SettingsHolder[], reached: (mark: Mark) => void) {
    this.#nodes = nodes;
    this.#reached = reached;
  }

  /** Must be called now and then. */
  inspect(): void {
    const topologies = this.#nodes.flatMap(({ topology }) => topology ?? []);
    const newest = topologies.reduce<Topology | undefined>(
      (best, one) => (one.epoch > (best?.epoch ?? 0) ? one : best),
      undefined,
    );
    if (newest?.timers === undefined) return;
    const timers = JSON.stringify(newest.timers);
    if (!this.#timers.has(timers) && this.#timers.add(timers).size > 1) this.#reached('timers-changed');
    const behind = this.#nodes.filter(
      ({ serving, topology }) =>
        serving && topology?.timers !== undefined && JSON.stringify(topology.timers) !== timers,
    );
    // Two inspections in a row, so that a change on its way to the node does not count.
    if (behind.some(({ id }) => this.#behind.has(id))) this.#reached('served-by-old-timers');
    this.#behind = new Set(behind.map(({ id }) => id));
    const isHeld = this.#nodes.some((node) => [...node.replicas()].some(({ holdsLease }) => holdsLease));
    if (isHeld && !this.#isHeld) this.#reached('lease-held');
    this.#isHeld = isHeld;
  }
}
