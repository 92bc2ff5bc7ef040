/** Chance from a seed, for scripts: the same seed draws the same numbers. Not for secrets. */
export class Random {
  #state: number;

  /** @param seed any integer; its lowest 32 bits count. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 up to, not including, 1. A Weyl sequence through a 32-bit mixer (the finalizer of MurmurHash3). */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.next() * items.length)];
  }
}
