/**
 * Shortest paths, counted in transactions: auxiliary nodes on the way cost nothing.
 *
 * Layer by layer: the transactions of the next layer wait, while auxiliary nodes join the layer that is being looked at.
 */
import type { Components } from './components.js';
import { NONE } from './elements.js';
import type { Graph } from './graph.js';

export interface Route {
  readonly from: number;
  /** Edges that may be used. */
  readonly mask: number;
  /** Asked of transactions only; the first one reached is the end. It may be `from`, by a cycle. */
  readonly isGoal: (transaction: number) => boolean;
  /** Only paths of at most so many transactions. */
  readonly limit?: number;
  /** Only inside the component of `from`. */
  readonly within?: Components;
}

export class PathFinder {
  /** Edges looked at so far. */
  effort = 0;
  readonly #graph: Graph;
  /** By node: the search that last reached it, and by which edge. */
  readonly #reachedIn: Int32Array;
  readonly #by: Int32Array;
  #search = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#reachedIn = new Int32Array(graph.nodes);
    this.#by = new Int32Array(graph.nodes);
  }

  /** The edges of a shortest path; undefined if there is none. */
  find({ from, mask, isGoal, limit = Infinity, within }: Route): number[] | undefined {
    const { first, to, kind, transactions } = this.#graph;
    this.#search++;
    this.#reachedIn[from] = this.#search;
    this.#by[from] = NONE;
    let layer = [from];
    for (let length = 1; layer.length > 0 && length <= limit; length++) {
      const next: number[] = [];
      // Nodes added during the iteration are visited, too.
      for (const node of layer) {
        const end = first[node + 1] ?? 0;
        for (let edge = first[node] ?? 0; edge < end; edge++) {
          this.effort++;
          if (((kind[edge] ?? 0) & mask) === 0) continue;
          const target = to[edge] ?? 0;
          if (within !== undefined && within.of[target] !== within.of[from]) continue;
          if (target < transactions && isGoal(target)) return this.#pathTo(edge);
          if (this.#reachedIn[target] === this.#search) continue;
          this.#reachedIn[target] = this.#search;
          this.#by[target] = edge;
          if (target < transactions) next.push(target);
          else layer.push(target);
        }
      }
      layer = next;
    }
    return undefined;
  }

  #pathTo(last: number): number[] {
    const path: number[] = [];
    for (let edge = last; edge !== NONE; edge = this.#by[this.#graph.from[edge] ?? 0] ?? NONE) path.push(edge);
    return path.reverse();
  }
}
