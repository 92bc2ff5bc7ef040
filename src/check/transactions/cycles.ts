/**
 * Finds the worst kind of cycle in a dependency graph, and a shortest one of that kind.
 *
 * An order of all transactions exists exactly if the graph has no cycle, so the verdict needs one search for components.
 * Naming a cycle takes more: kinds are tried from the worst on, and each knows that the ones before it do not occur.
 *
 * - G0 and G1c: components by ww, then by ww and wr. From here on these have no cycle, and so an order.
 * - G-single: an rw edge from a to b with a way back by ww and wr. Such a way leads forward in every order of these, so
 *   only the rw edges that lead backward in one come into question. The order is chosen so that these are few, and for
 *   many of them at a time one pass over the order decides whether there is a way back.
 * - G2: any other cycle of dependencies.
 * - The same with real time (`real-time-cycles.ts`).
 *
 * The search for the shortest stops after some effort, with the shortest so far. Then, too, the cycle exists, and its
 * name says what it is made of; only a shorter one, or behind very many candidates a worse one, may have been missed.
 */
import { componentsOf, type Components } from './components.js';
import type { LostUpdate } from './dependencies.js';
import { Kind, type Graph } from './graph.js';
import { PathFinder } from './paths.js';
import { areConnected, PAIRS } from './reach.js';
import { RealTimeCycles } from './real-time-cycles.js';
import { collapse, type Cycle, type Step } from './steps.js';
import type { Ranks } from './times.js';

/** Edges to look at until the shortest cycle so far will do; less than a second. */
const EFFORT = 20_000_000;

const WRITES = Kind.ww;
const READS = Kind.ww | Kind.wr;
const DEPENDENCIES = READS | Kind.rw | Kind.link;
const ALL = DEPENDENCIES | Kind.realTime;

/** @returns undefined if there is no cycle. */
export function findCycle(graph: Graph, ranks: Ranks, lostUpdate: LostUpdate | undefined): Cycle | undefined {
  const all = componentsOf(graph, ALL);
  if (all.count === 0) return undefined;
  const search = new CycleSearch(graph, ranks);
  return (
    search.shortest(componentsOf(graph, WRITES), WRITES) ??
    search.shortest(componentsOf(graph, READS), READS) ??
    (lostUpdate === undefined ? undefined : cycleOf(lostUpdate)) ??
    search.dependencies() ??
    search.realTime() ??
    search.shortest(all, ALL)
  );
}

/**
 * Both read the same, and each missed the append of the other. Whichever came first, it is also before the other by ww:
 * one of the two anti-dependencies is enough.
 */
function cycleOf({ transactions: [a, b], elements: [ofA, ofB] }: LostUpdate): Cycle {
  const kind = Kind.rw;
  return {
    anomaly: 'G-single',
    steps: [
      { from: a, to: b, kind, element: ofB },
      { from: b, to: a, kind, element: ofA },
    ],
  };
}

class CycleSearch {
  readonly #graph: Graph;
  readonly #ranks: Ranks;
  readonly #paths: PathFinder;

  constructor(graph: Graph, ranks: Ranks) {
    this.#graph = graph;
    this.#ranks = ranks;
    this.#paths = new PathFinder(graph);
  }

  /** A shortest cycle in any of the components. */
  shortest(components: Components, mask: number): Cycle | undefined {
    let best: Step[] | undefined;
    for (let node = 0; node < this.#graph.transactions; node++) {
      if (components.of[node] === -1) continue;
      const limit = best === undefined ? Infinity : best.length - 1;
      const path = this.#paths.find({ from: node, mask, isGoal: (to) => to === node, limit, within: components });
      if (path !== undefined) best = collapse(path, this.#graph);
      if (best !== undefined && (best.length === 2 || this.#paths.effort > EFFORT)) break;
    }
    return best && named(best);
  }

  /** G-single, or else G2. */
  dependencies(): Cycle | undefined {
    const components = componentsOf(this.#graph, DEPENDENCIES);
    if (components.count === 0) return undefined;
    return this.#single(components) ?? this.shortest(components, DEPENDENCIES);
  }

  realTime(): Cycle | undefined {
    const steps = new RealTimeCycles(this.#graph, this.#ranks, this.#paths, this.#order(), EFFORT).find();
    return steps && ('anomaly' in steps ? steps : named(steps));
  }

  #single(within: Components): Cycle | undefined {
    const { from, to, transactions } = this.#graph;
    const order = this.#order();
    let best: Step[] | undefined;
    for (const edge of this.#withWayBack(order, within)) {
      const [reader, next] = [from[edge] ?? 0, to[edge] ?? 0];
      const limit = best === undefined ? Infinity : best.length - (next < transactions ? 2 : 1);
      const isGoal = (node: number): boolean => node === reader;
      const back = this.#paths.find({ from: next, mask: READS | Kind.link, isGoal, limit, within });
      if (back !== undefined) best = collapse([edge, ...back], this.#graph);
      if (best !== undefined && (best.length === 2 || this.#paths.effort > EFFORT)) break;
    }
    return best && named(best);
  }

  /** The rw edges from whose end a way leads back to their beginning by ww and wr. */
  *#withWayBack(order: Int32Array, within: Components): Generator<number> {
    const { from, to, kind } = this.#graph;
    const place = new Int32Array(this.#graph.nodes);
    for (const [i, node] of order.entries()) place[node] = -i;
    const backward = [...kind.keys()].filter((edge) => {
      const [reader, next] = [from[edge] ?? 0, to[edge] ?? 0];
      if (kind[edge] !== Kind.rw || within.of[reader] === -1 || within.of[reader] !== within.of[next]) return false;
      return (place[next] ?? 0) < (place[reader] ?? 0);
    });
    const nodes = [...order].filter((node) => within.of[node] !== -1);
    for (let i = 0; i < backward.length && this.#paths.effort < EFFORT; i += PAIRS) {
      const batch = backward.slice(i, i + PAIRS);
      const pairs = batch.map((edge) => [to[edge] ?? 0, from[edge] ?? 0] as const);
      const connected = areConnected(this.#graph, READS | Kind.link, nodes, pairs);
      this.#paths.effort += nodes.length;
      yield* batch.filter((_, j) => connected[j]);
    }
  }

  /**
   * All nodes in an order of ww and wr, the last one first. Where these leave a choice, it follows a search of all
   * dependencies, in whose order only the edges that close a cycle lead backward.
   */
  #order(): Int32Array {
    const { start } = this.#ranks;
    const byStart = Int32Array.from(start.keys()).sort((a, b) => (start[b] ?? 0) - (start[a] ?? 0));
    const nearly = componentsOf(this.#graph, DEPENDENCIES, byStart).lastFirst;
    return componentsOf(this.#graph, READS | Kind.link, nearly).lastFirst;
  }
}

function named(steps: Step[]): Cycle {
  const missed = steps.filter(({ kind }) => kind === Kind.rw).length;
  const reads = steps.some(({ kind }) => kind === Kind.wr);
  const realTime = steps.some(({ kind }) => kind === Kind.realTime);
  const name = missed > 1 ? 'G2' : missed === 1 ? 'G-single' : reads ? 'G1c' : 'G0';
  return { anomaly: realTime ? `${name}-realtime` : name, steps };
}
