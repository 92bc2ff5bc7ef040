/** Sums up results: the counts do not depend on the order in which seeds finished. */
import type { SimResult } from './result.js';

export interface Totals {
  readonly simulatedMs: number;
  /** Processor time that the runs took, of all processes together. */
  readonly cpuMs: number;
  readonly events: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Injected faults by kind, in alphabetical order; 0 for a kind that was possible and never injected. */
  readonly faults: Readonly<Record<string, number>>;
  /** Number of seeds with at least one such fault, by kind, in the same order. */
  readonly faultSeeds: Readonly<Record<string, number>>;
  /** Number of seeds that reached each mark, in alphabetical order; 0 for a mark that none reached. */
  readonly reached: Readonly<Record<string, number>>;
  /** Number of seeds by cluster size. */
  readonly nodes: ReadonlyMap<number, number>;
  readonly shards: ReadonlyMap<number, number>;
  /** Over all runs' digests: equal for equal seeds in any order. 8 hex digits. */
  readonly digest: string;
}

export class Sum {
  #simulatedMs = 0;
  #cpuMs = 0;
  #events = 0;
  readonly #operations = { ok: 0, failed: 0, unknown: 0 };
  readonly #faults = new Map<string, number>();
  readonly #faultSeeds = new Map<string, number>();
  readonly #reached = new Map<string, number>();
  readonly #nodes = new Map<number, number>();
  readonly #shards = new Map<number, number>();
  #digest = 0;

  /** Kinds and marks to report even at 0; others are added when a result first has them. */
  constructor(faultKinds: readonly string[], marks: readonly string[]) {
    for (const kind of faultKinds) {
      this.#faults.set(kind, 0);
      this.#faultSeeds.set(kind, 0);
    }
    for (const mark of marks) this.#reached.set(mark, 0);
  }

  add(result: SimResult, cpuMs: number): void {
    this.#simulatedMs += result.simulatedMs;
    this.#cpuMs += cpuMs;
    this.#events += result.events;
    this.#operations.ok += result.operations.ok;
    this.#operations.failed += result.operations.failed;
    this.#operations.unknown += result.operations.unknown;
    for (const [kind, count] of Object.entries(result.faults)) {
      increase(this.#faults, kind, count);
      if (count > 0) increase(this.#faultSeeds, kind, 1);
    }
    for (const mark of Object.keys(result.reached)) increase(this.#reached, mark, 1);
    increase(this.#nodes, result.scenario.nodes, 1);
    increase(this.#shards, result.scenario.shards, 1);
    this.#digest = (this.#digest + fingerprint(`${result.seed} ${result.digest}`)) >>> 0;
  }

  totals(): Totals {
    return {
      simulatedMs: this.#simulatedMs,
      cpuMs: this.#cpuMs,
      events: this.#events,
      operations: { ...this.#operations },
      faults: byName(this.#faults),
      faultSeeds: byName(this.#faultSeeds),
      reached: byName(this.#reached),
      nodes: byNumber(this.#nodes),
      shards: byNumber(this.#shards),
      digest: this.#digest.toString(16).padStart(8, '0'),
    };
  }
}

function increase<K>(counts: Map<K, number>, key: K, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

const byName = (counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));

const byNumber = (counts: ReadonlyMap<number, number>): ReadonlyMap<number, number> =>
  new Map([...counts].sort(([a], [b]) => a - b));

/** FNV-1a. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
