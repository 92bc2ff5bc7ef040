/**
 * Cycles that need real time, where dependencies alone have none.
 *
 * In all of them it is decided in linear time whether one exists (`reach.ts`), and the common case, two transactions, is
 * found by looking at each edge once: `a` depends on nothing after it, and yet an edge leads from it to a `b` that ended
 * before `a` started. Only what is longer is searched for, candidate by candidate.
 */
import { NONE } from './elements.js';
import { Kind, type Graph } from './graph.js';
import type { PathFinder } from './paths.js';
import { earliestEnds, latestStarts } from './reach.js';
import { collapse, type Cycle, type Step } from './steps.js';
import { NEVER, type Ranks } from './times.js';

const READS = Kind.ww | Kind.wr;

export class RealTimeCycles {
  readonly #graph: Graph;
  readonly #start: Int32Array;
  readonly #end: Int32Array;
  readonly #ranks: Ranks;
  readonly #paths: PathFinder;
  /** All nodes in an order of ww and wr, the last one first. */
  readonly #lastFirst: Int32Array;
  readonly #effort: number;

  constructor(graph: Graph, ranks: Ranks, paths: PathFinder, lastFirst: Int32Array, effort: number) {
    this.#graph = graph;
    this.#start = ranks.start;
    this.#end = ranks.end;
    this.#ranks = ranks;
    this.#paths = paths;
    this.#lastFirst = lastFirst;
    this.#effort = effort;
  }

  /** The worst kind that occurs: G0, G1c, a lost append, G-single; undefined if none of these does. */
  find(): Step[] | Cycle | undefined {
    return this.#withoutMisses(Kind.ww) ?? this.#withoutMisses(READS) ?? this.#lostAppend() ?? this.#withOneMiss();
  }

  /** From `a` by edges of the mask to a transaction that ended before `a` started. */
  #withoutMisses(mask: number): Step[] | undefined {
    const earliest = earliestEnds(this.#graph, mask, this.#lastFirst, this.#ranks);
    let best: Step[] | undefined;
    for (const [a, start] of this.#start.entries()) {
      if ((earliest[a] ?? NEVER) >= start) continue;
      const limit = best === undefined ? Infinity : best.length - 2;
      const path = this.#paths.find({ from: a, mask, isGoal: (b) => (this.#end[b] ?? NEVER) < start, limit });
      if (path !== undefined) best = this.#closed(path);
      if (best?.length === 2 || this.#paths.effort > this.#effort) break;
    }
    return best;
  }

  /** A reader that started after the end of an append that nobody read: an edge into an auxiliary node. */
  #lostAppend(): Cycle | undefined {
    const earliest = earliestEnds(this.#graph, Kind.link, this.#lastFirst, this.#ranks);
    for (const edge of this.#misses()) {
      const next = this.#graph.to[edge] ?? 0;
      const start = this.#start[this.#graph.from[edge] ?? 0] ?? 0;
      if (next < this.#graph.transactions || (earliest[next] ?? NEVER) >= start) continue;
      const path = this.#paths.find({ from: next, mask: Kind.link, isGoal: (b) => (this.#end[b] ?? NEVER) < start });
      if (path !== undefined) return { anomaly: 'lost-append', steps: this.#closed([edge, ...path]) };
    }
    return undefined;
  }

  #withOneMiss(): Step[] | undefined {
    const { from, to, transactions } = this.#graph;
    const mask = READS | Kind.link;
    const earliest = earliestEnds(this.#graph, mask, this.#lastFirst, this.#ranks);
    const latest = latestStarts(this.#graph, mask, this.#lastFirst, this.#ranks);
    const candidates = this.#misses().filter(
      (edge) => (earliest[to[edge] ?? 0] ?? NEVER) < (latest[from[edge] ?? 0] ?? -1),
    );
    const isDirect = (edge: number): boolean =>
      (to[edge] ?? 0) < transactions && (this.#end[to[edge] ?? 0] ?? NEVER) < (this.#start[from[edge] ?? 0] ?? 0);
    const direct = candidates.find(isDirect);
    if (direct !== undefined) return this.#closed([direct]);
    let best: Step[] | undefined;
    for (const edge of candidates) {
      const limit = best === undefined ? Infinity : best.length - ((to[edge] ?? 0) < transactions ? 2 : 1);
      const isGoal = (node: number): boolean => node === from[edge];
      const back = this.#paths.find({ from: to[edge] ?? 0, mask: mask | Kind.realTime, isGoal, limit });
      if (back !== undefined) best = collapse([edge, ...back], this.#graph);
      if (best !== undefined && this.#paths.effort > this.#effort) break;
    }
    return best;
  }

  /** All rw edges. */
  #misses(): number[] {
    return [...this.#graph.kind.keys()].filter((edge) => this.#graph.kind[edge] === Kind.rw);
  }

  /** A path whose last transaction ended before its first one started. */
  #closed(path: readonly number[]): Step[] {
    const steps = collapse(path, this.#graph);
    const [from, to] = [steps.at(-1)?.to ?? 0, steps[0]?.from ?? 0];
    return [...steps, { from, to, kind: Kind.realTime, element: NONE }];
  }
}
