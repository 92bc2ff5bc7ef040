/** A whole number in [0, limit). */
export function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

/** One of `items`, or undefined when there are none. */
export function pick<T>(random: () => number, items: readonly T[]): T | undefined {
  return items[below(random, items.length)];
}
