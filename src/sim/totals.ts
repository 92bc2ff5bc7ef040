/** Many results in one: counts that do not depend on the order in which seeds came to an end. */
import type { SimResult } from './result.js';

export interface Totals {
  readonly simulatedMs: number;
  /** Processor time that the runs took, of all processes together. */
  readonly cpuMs: number;
  readonly events: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Injected faults by kind, in the order of the alphabet; 0 for a kind that was possible and never injected. */
  readonly faults: Readonly<Record<string, number>>;
  /** Seeds that had one, by kind, likewise. */
  readonly faultSeeds: Readonly<Record<string, number>>;
  /** Seeds that came to it, by mark, in the order of the alphabet; 0 for one that none came to. */
  readonly reached: Readonly<Record<string, number>>;
  /** How many seeds had so many. */
  readonly nodes: ReadonlyMap<number, number>;
  readonly shards: ReadonlyMap<number, number>;
  /** Of all runs' digests: equal for equal seeds, whatever their order. 8 hex digits. */
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

  /** What is counted from 0 on; anything else that a result has joins when it is first seen. */
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
