/** Latencies of one run and what was no success. Plain arithmetic. */
export class Latencies {
  #ms = new Float64Array(1 << 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(latencyMs: number): void {
    if (this.#count === this.#ms.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#ms);
      this.#ms = larger;
    }
    this.#ms[this.#count++] = latencyMs;
  }

  percentiles(): { readonly p50Ms: number; readonly p99Ms: number; readonly p999Ms: number } {
    const sorted = this.#ms.slice(0, this.#count).sort();
    const at = (share: number): number => percentile(sorted, share);
    return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
  }
}

/** @param sorted ascending. The nearest rank; NaN of nothing. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
