/**
 * Keys that rotate: a few are in use at a time, each for a bounded number of operations, because the cost of checking
 * one key grows faster than its operations.
 */
import type { Random } from '../../src/random.js';

interface Place {
  name: string;
  left: number;
}

export interface KeyPoolOptions {
  readonly prefix: string;
  /** Keys in use at the same time. */
  readonly active: number;
  /** Operations per key. */
  readonly budget: number;
}

export class KeyPool {
  readonly #options: KeyPoolOptions;
  readonly #names: string[] = [];
  readonly #places: Place[];

  constructor(options: KeyPoolOptions) {
    this.#options = options;
    // The first keys retire one after the other, not all at once.
    this.#places = Array.from({ length: options.active }, (_, index) =>
      this.#fresh(Math.ceil((options.budget * (index + 1)) / options.active)),
    );
  }

  /** All keys that were ever returned, oldest first. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Returns a key for `operations` more operations. */
  take(random: Random, operations = 1): string {
    const index = random.integer(0, this.#places.length - 1);
    let place = this.#places[index];
    if (place === undefined || place.left < operations) {
      place = this.#fresh(this.#options.budget);
      this.#places[index] = place;
    }
    place.left -= operations;
    return place.name;
  }

  #fresh(left: number): Place {
    const name = `${this.#options.prefix}-${this.#names.length}`;
    this.#names.push(name);
    return { name, left };
  }
}
