/**
 * The calls and returns of the operations not yet ordered: a doubly linked list by time. Ordering an operation removes
 * its two events; undoing that restores them, in exactly the opposite order (dancing links).
 */
import type { CompiledKey } from './compile.js';

/** An event of the list: index into `events`, or END. */
export type Node = number;

export class EventList {
  readonly end: Node;
  readonly #events: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #callOf: Int32Array;
  readonly #returnOf: Int32Array;

  constructor({ events, operations }: CompiledKey) {
    const count = events.length;
    this.end = count;
    this.#events = events;
    // The node `count` is both ends: the list is a ring.
    this.#next = Int32Array.from({ length: count + 1 }, (_, node) => (node === count ? 0 : node + 1));
    this.#previous = Int32Array.from({ length: count + 1 }, (_, node) => (node === 0 ? count : node - 1));
    this.#callOf = new Int32Array(operations.length);
    this.#returnOf = new Int32Array(operations.length).fill(-1);
    for (const [node, event] of events.entries()) {
      if (event >= 0) this.#callOf[event] = node;
      else this.#returnOf[-1 - event] = node;
    }
  }

  get first(): Node {
    return this.#next[this.end] ?? this.end;
  }

  after(node: Node): Node {
    return this.#next[node] ?? this.end;
  }

  /** The operation whose call this is; negative for a return, and at the end. */
  operationAt(node: Node): number {
    return this.#events[node] ?? -1;
  }

  /** When the operation returned, as a place in time; after everything if it never did. */
  returnOf(operation: number): number {
    const node = this.#returnOf[operation] ?? -1;
    return node < 0 ? this.end : node;
  }

  remove(operation: number): void {
    // The return first: what follows the call is then still in the list, and `after` continues from there.
    const back = this.#returnOf[operation] ?? -1;
    if (back >= 0) this.#unlink(back);
    this.#unlink(this.#callOf[operation] ?? this.end);
  }

  restore(operation: number): void {
    this.#relink(this.#callOf[operation] ?? this.end);
    const back = this.#returnOf[operation] ?? -1;
    if (back >= 0) this.#relink(back);
  }

  #unlink(node: Node): void {
    const [before, after] = [this.#previous[node] ?? 0, this.#next[node] ?? 0];
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  #relink(node: Node): void {
    this.#next[this.#previous[node] ?? 0] = node;
    this.#previous[this.#next[node] ?? 0] = node;
  }
}
