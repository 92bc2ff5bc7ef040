/**
 * What leads to what by edges of a mask without cycles, in one pass over all edges each time.
 *
 * Reach in time: the earliest end after it and the latest start before it, by
 * edges of a mask without cycles.
 *
 * These decide, without a search for each pair, whether a path between two transactions exists that uses real time: if
 * b leads to x, x ended before y started, and y leads to a, then the earliest end after b is before the latest start
 * before a; and the other way round, the transactions with that end and that start are such an x and y.
 *
 * That one step of real time is enough follows where the edges of the mask themselves never run against real time: of
 * two steps with edges between them, the end before the first is then also before the start after the second.
 */
import type { Graph } from './graph.js';
import { NEVER, type Ranks } from './times.js';

/** By node, the least rank of an end among the transactions that it leads to, and its own. */
export function earliestEnds(graph: Graph, mask: number, lastFirst: Int32Array, { end }: Ranks): Int32Array {
  const earliest = new Int32Array(graph.nodes).fill(NEVER);
  for (const node of lastFirst) {
    let least = node < graph.transactions ? (end[node] ?? NEVER) : NEVER;
    for (let edge = graph.first[node] ?? 0; edge < (graph.first[node + 1] ?? 0); edge++) {
      if (((graph.kind[edge] ?? 0) & mask) !== 0) least = Math.min(least, earliest[graph.to[edge] ?? 0] ?? NEVER);
    }
    earliest[node] = least;
  }
  return earliest;
}

/** By node, the greatest rank of a start among the transactions that lead to it, and its own. */
export function latestStarts(graph: Graph, mask: number, lastFirst: Int32Array, { start }: Ranks): Int32Array {
  const latest = new Int32Array(graph.nodes).fill(-1);
  for (let i = lastFirst.length - 1; i >= 0; i--) {
    const node = lastFirst[i] ?? 0;
    const own = node < graph.transactions ? (start[node] ?? -1) : -1;
    const most = Math.max(own, latest[node] ?? -1);
    latest[node] = most;
    for (let edge = graph.first[node] ?? 0; edge < (graph.first[node + 1] ?? 0); edge++) {
      const target = graph.to[edge] ?? 0;
      if (((graph.kind[edge] ?? 0) & mask) !== 0 && (latest[target] ?? -1) < most) latest[target] = most;
    }
  }
  return latest;
}

/** As many pairs are looked at in one pass: a bit each. */
export const PAIRS = 32;

/**
 * Whether the first of each pair leads to the second.
 *
 * @param nodes those that a way may lead over, the last one first.
 * @param pairs at most PAIRS.
 */
export function areConnected(
  graph: Graph,
  mask: number,
  nodes: readonly number[],
  pairs: readonly (readonly [number, number])[],
): boolean[] {
  const reached = new Int32Array(graph.nodes);
  for (const [bit, [from]] of pairs.entries()) reached[from] = (reached[from] ?? 0) | (1 << bit);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] ?? 0;
    const bits = reached[node] ?? 0;
    if (bits === 0) continue;
    for (let edge = graph.first[node] ?? 0; edge < (graph.first[node + 1] ?? 0); edge++) {
      const target = graph.to[edge] ?? 0;
      if (((graph.kind[edge] ?? 0) & mask) !== 0) reached[target] = (reached[target] ?? 0) | bits;
    }
  }
  return pairs.map(([, to], bit) => ((reached[to] ?? 0) & (1 << bit)) !== 0);
}
