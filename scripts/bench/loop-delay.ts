/** The event loop's delay between two moments, out of the histogram in a node's /metrics, which counts since the start. */

/** By upper bound in seconds, ascending, the last infinite: how many delays were at most so long. */
export type DelayCounts = readonly (readonly [bound: number, count: number])[];

/** Empty for a build that has no such histogram. */
export function readDelays(metrics: string): DelayCounts {
  const lines = metrics.matchAll(/^kvorum_event_loop_delay_seconds_bucket\{le="([^"]+)"\} (\S+)$/gm);
  return [...lines].map(([, bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), Number(count)] as const);
}

/**
 * What came between two readings of one node, in ms: within a bucket as if evenly spread, and at the last finite bound
 * beyond that, as Prometheus' `histogram_quantile` has it. NaN if nothing came.
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
