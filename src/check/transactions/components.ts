/** Strongly connected components (Tarjan 1972), with an explicit stack, so that a graph may have any depth. */
import type { Graph } from './graph.js';

/** The components of more than one node, by edges of a mask; nodes in them are on a cycle, all others are on none. */
export interface Components {
  /** By node: the number of its component, or -1. */
  readonly of: Int32Array;
  readonly count: number;
  /** All nodes, each after every node that it leads to, components aside. */
  readonly lastFirst: Int32Array;
}

/** @param roots the order in which nodes are begun with: those named later stand earlier, where edges leave a choice. */
export function componentsOf(graph: Graph, mask: number, roots: Iterable<number> = []): Components {
  return new Tarjan(graph, mask).run(roots);
}

class Tarjan {
  readonly #graph: Graph;
  readonly #mask: number;
  /** By node: when it was found, from 1. */
  readonly #found: Int32Array;
  readonly #low: Int32Array;
  /** By node: the next edge to follow. */
  readonly #next: Int32Array;
  readonly #onStack: Uint8Array;
  readonly #stack: number[] = [];
  readonly #path: number[] = [];
  readonly #of: Int32Array;
  readonly #left: Int32Array;
  #leaves = 0;
  #time = 0;
  #count = 0;

  constructor(graph: Graph, mask: number) {
    this.#graph = graph;
    this.#mask = mask;
    this.#found = new Int32Array(graph.nodes);
    this.#low = new Int32Array(graph.nodes);
    this.#next = graph.first.slice();
    this.#onStack = new Uint8Array(graph.nodes);
    this.#of = new Int32Array(graph.nodes).fill(-1);
    this.#left = new Int32Array(graph.nodes);
  }

  run(roots: Iterable<number>): Components {
    for (const root of roots) this.#visit(root);
    for (let root = 0; root < this.#graph.nodes; root++) this.#visit(root);
    return { of: this.#of, count: this.#count, lastFirst: this.#left };
  }

  #visit(root: number): void {
    if (this.#found[root] !== 0) return;
    this.#enter(root);
    for (let node = this.#path.at(-1); node !== undefined; node = this.#path.at(-1)) this.#advance(node);
  }

  #enter(node: number): void {
    this.#time++;
    this.#found[node] = this.#time;
    this.#low[node] = this.#time;
    this.#onStack[node] = 1;
    this.#stack.push(node);
    this.#path.push(node);
  }

  #advance(node: number): void {
    const { first, to, kind } = this.#graph;
    const edge = this.#next[node] ?? 0;
    if (edge === first[node + 1]) {
      this.#leave(node);
      return;
    }
    this.#next[node] = edge + 1;
    if (((kind[edge] ?? 0) & this.#mask) === 0) return;
    const target = to[edge] ?? 0;
    if (this.#found[target] === 0) this.#enter(target);
    else if (this.#onStack[target] === 1) this.#lower(node, this.#found[target] ?? 0);
  }

  #lower(node: number, low: number): void {
    if (low < (this.#low[node] ?? 0)) this.#low[node] = low;
  }

  #leave(node: number): void {
    this.#path.pop();
    this.#left[this.#leaves++] = node;
    const low = this.#low[node] ?? 0;
    const parent = this.#path.at(-1);
    if (parent !== undefined) this.#lower(parent, low);
    if (low !== this.#found[node]) return;
    const single = this.#stack.at(-1) === node;
    for (let member = this.#stack.pop(); member !== undefined; member = this.#stack.pop()) {
      this.#onStack[member] = 0;
      if (!single) this.#of[member] = this.#count;
      if (member === node) break;
    }
    if (!single) this.#count++;
  }
}
