/**
 * A set of configurations: which operations are open and not yet ordered, and the state. Exact: a hash only finds the
 * place, and every number is compared, so that no hash collision can hide a legal order.
 *
 * Lowe's observation: what can still happen depends only on the configuration, not on the order that led to it.
 */
import type { State } from './states.js';

const FIRST_SLOTS = 1 << 8;

export class Configurations {
  /** Offset of an entry in the pool plus one, or 0. */
  #slots = new Int32Array(FIRST_SLOTS);
  /** Entries, one after the other: hash, state, count, operations. */
  #pool = new Int32Array(1 << 10);
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether it was newly added. @param open the open operations, always in the same order. */
  add(open: readonly number[], state: State): boolean {
    const count = open.length;
    let hash = Math.imul(state + 1, 0x9e3779b1) ^ count;
    for (let i = 0; i < count; i++) {
      hash = Math.imul(hash ^ (open[i] ?? 0), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let entry = this.#slots[slot] ?? 0; entry !== 0; entry = this.#slots[slot] ?? 0) {
      if (this.#equals(entry - 1, hash, state, open)) return false;
      slot = (slot + 1) & mask;
    }
    this.#slots[slot] = this.#write(hash, state, open) + 1;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    return true;
  }

  #equals(at: number, hash: number, state: State, open: readonly number[]): boolean {
    const pool = this.#pool;
    if (pool[at] !== hash || pool[at + 1] !== state || pool[at + 2] !== open.length) return false;
    for (let i = 0; i < open.length; i++) if (pool[at + 3 + i] !== open[i]) return false;
    return true;
  }

  #write(hash: number, state: State, open: readonly number[]): number {
    const at = this.#used;
    this.#used += 3 + open.length;
    if (this.#used > this.#pool.length) {
      const bigger = new Int32Array(this.#used * 2);
      bigger.set(this.#pool);
      this.#pool = bigger;
    }
    this.#pool[at] = hash;
    this.#pool[at + 1] = state;
    this.#pool[at + 2] = open.length;
    for (let i = 0; i < open.length; i++) this.#pool[at + 3 + i] = open[i] ?? 0;
    return at;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (const entry of this.#slots) {
      if (entry === 0) continue;
      let slot = (this.#pool[entry - 1] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry;
    }
    this.#slots = slots;
  }
}
