/**
 * The one generator of seeded random numbers, for the simulator, the embedded store, scripts and tests. Not for secrets.
 *
 * Streams are independent: a client that draws once more, or a fault that is left out, changes nothing of what the
 * network or another client draws. That is how a failing run of the simulator can be shrunk.
 *
 * Decided: ten lines here. Instead of: `pure-rand`, which fast-check brings for tests. Because: seeds stand in tests, in
 * documents and in reports of failures, and must go on to mean what they meant, whatever a library changes; and a program
 * that embeds a store needs no further dependency for it.
 */

/** mulberry32: numbers in [0, 1) that depend on the seed's lowest 32 bits alone. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Random {
  /** In [0, 1). */
  readonly next: () => number;
  readonly #seed: number;

  /** @param seed a number, of which the lowest 32 bits count, or any text */
  constructor(seed: number | string) {
    this.#seed = typeof seed === 'string' ? streamSeed(0, seed) : seed >>> 0;
    this.next = seededRandom(this.#seed);
  }

  /** A stream of its own, that depends on the seed and the name alone. */
  stream(name: string): Random {
    return new Random(streamSeed(this.#seed, name));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** An integer in from..=to. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** @throws RangeError if there is nothing to pick from. */
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const rest = [...items];
    const shuffled: T[] = [];
    while (rest.length > 0) shuffled.push(...rest.splice(Math.floor(this.next() * rest.length), 1));
    return shuffled;
  }
}

/** FNV-1a over seed and name, then the finalizer of MurmurHash3: similar seeds must not give similar streams. */
function streamSeed(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
