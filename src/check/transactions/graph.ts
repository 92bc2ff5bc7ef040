/**
 * The dependency graph in flat arrays: transactions, and auxiliary nodes that stand for many edges at once.
 *
 * An auxiliary node with edges from all of A and to all of B says that each of A comes before each of B, in |A| + |B|
 * edges instead of |A| · |B|. A path through auxiliary nodes is one edge between two transactions, of the kind with
 * which it left the first.
 */

/** Kinds of edges, as bits: a set of kinds is a mask. */
export const Kind = {
  /** Append before append, of one key. */
  ww: 1,
  /** Append before a read of it. */
  wr: 2,
  /** A read before an append that it missed (an anti-dependency). */
  rw: 4,
  /** From an auxiliary node to what it stands for: continues an `rw`. */
  link: 8,
  /** End before start. */
  realTime: 16,
} as const;

export interface Graph {
  /** Nodes below it are transactions, the others are auxiliary. */
  readonly transactions: number;
  readonly nodes: number;
  /** The edges of a node: from `first[node]` up to `first[node + 1]`. */
  readonly first: Int32Array;
  /** By edge. */
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly kind: Uint8Array;
  /** By edge: the element that it is about; NONE where that is said by the edge before or after, or by the time. */
  readonly element: Int32Array;
}

export class GraphBuilder {
  readonly #transactions: number;
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #kind: number[] = [];
  readonly #element: number[] = [];
  #nodes: number;

  constructor(transactions: number) {
    this.#transactions = transactions;
    this.#nodes = transactions;
  }

  /** Makes an auxiliary node. */
  node(): number {
    return this.#nodes++;
  }

  /** An edge from a node to itself says nothing, and is left out. */
  add(from: number, to: number, kind: number, element: number): void {
    if (from === to) return;
    this.#from.push(from);
    this.#to.push(to);
    this.#kind.push(kind);
    this.#element.push(element);
  }

  /** The edges, sorted by the node that they leave. */
  build(): Graph {
    const count = this.#from.length;
    const first = new Int32Array(this.#nodes + 1);
    for (const from of this.#from) first[from + 1] = (first[from + 1] ?? 0) + 1;
    for (let node = 0; node < this.#nodes; node++) first[node + 1] = (first[node + 1] ?? 0) + (first[node] ?? 0);
    const next = first.slice();
    const graph = {
      transactions: this.#transactions,
      nodes: this.#nodes,
      first,
      from: new Int32Array(count),
      to: new Int32Array(count),
      kind: new Uint8Array(count),
      element: new Int32Array(count),
    };
    for (let i = 0; i < count; i++) {
      const from = this.#from[i] ?? 0;
      const edge = next[from] ?? 0;
      next[from] = edge + 1;
      graph.from[edge] = from;
      graph.to[edge] = this.#to[i] ?? 0;
      graph.kind[edge] = this.#kind[i] ?? 0;
      graph.element[edge] = this.#element[i] ?? 0;
    }
    return graph;
  }
}
