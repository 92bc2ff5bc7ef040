/** Chance from a seed, so that every run can be repeated. Knows nothing of Raft. */

/** A stream of numbers in [0, 1) that depends on `seed` alone (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** A whole number in [0, below). */
export function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

/** One of `items`, or undefined when there are none. */
export function pick<T>(random: () => number, items: readonly T[]): T | undefined {
  return items[below(random, items.length)];
}
