/** Percentiles of latencies, and the event loop's delay out of a node's histogram. Plain arithmetic. */

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

/** Nearest rank; NaN of an empty list. @param sorted ascending */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** NaN of an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/**
 * The cumulative event-loop delay histogram of a node's /metrics: counts by upper bound in seconds, ascending, the last
 * infinite.
 */
export type DelayCounts = readonly (readonly [bound: number, count: number])[];

/** Empty for an earlier build that has no such histogram. */
export function readDelays(metrics: string): DelayCounts {
  const lines = metrics.matchAll(/^kvorum_event_loop_delay_seconds_bucket\{le="([^"]+)"\} (\S+)$/gm);
  return [...lines].map(([, bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), Number(count)] as const);
}

/**
 * The quantile, in ms, of the delays between two readings of one node: interpolated within a bucket, and the last
 * finite bound beyond it, like Prometheus' `histogram_quantile`. NaN if there were none.
 */
export function delayBetweenMs(earlier: DelayCounts, later: DelayCounts, share: number): number {
  const before = new Map(earlier);
  const counts = later.map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)] as const);
  const rank = share * (counts.at(-1)?.[1] ?? 0);
  if (rank === 0) return NaN;
  let low = 0;
  let below = 0;
  for (const [bound, count] of counts) {
    if (count >= rank)
      return 1_000 * (bound === Infinity ? low : low + ((bound - low) * (rank - below)) / (count - below));
    low = bound;
    below = count;
  }
  return NaN;
}
