/** A cycle of transactions, and how it is read off the edges of a graph. */
import type { Anomaly } from './findings.js';
import { NONE } from './elements.js';
import type { Graph } from './graph.js';

/** One edge of a cycle, between two transactions. */
export interface Step {
  readonly from: number;
  readonly to: number;
  /** One of `Kind`. */
  readonly kind: number;
  /** The element that it is about; NONE for real time. */
  readonly element: number;
}

export interface Cycle {
  readonly anomaly: Anomaly;
  readonly steps: readonly Step[];
}

/** A path that begins and ends at transactions, without the auxiliary nodes in between. */
export function collapse(path: readonly number[], graph: Graph): Step[] {
  const steps: Step[] = [];
  let from = NONE;
  let kind = 0;
  for (const edge of path) {
    if (from === NONE) {
      from = graph.from[edge] ?? 0;
      kind = graph.kind[edge] ?? 0;
    }
    const to = graph.to[edge] ?? 0;
    if (to >= graph.transactions) continue;
    steps.push({ from, to, kind, element: graph.element[edge] ?? NONE });
    from = NONE;
  }
  return steps;
}
