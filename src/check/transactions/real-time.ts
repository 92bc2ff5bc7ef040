/**
 * Real time as edges: what ended before another transaction started comes before it.
 *
 * All pairs would be quadratic. Instead each moment at which something ended is an auxiliary node, and these form a chain:
 * a transaction leads to the moment of its end, and the latest moment before its start leads to a transaction. Nothing
 * else is connected: a chain leads only forward, from an end to starts that are truly later.
 */
import { NONE } from './elements.js';
import { Kind, type GraphBuilder } from './graph.js';
import { NEVER, type Ranks } from './times.js';

/** Adds the edges of all transactions that happened. */
export function addRealTime({ start, end, count }: Ranks, happened: Uint8Array, graph: GraphBuilder): void {
  const ends = new Uint8Array(count);
  for (const [index, at] of end.entries()) if (happened[index] === 1 && at !== NEVER) ends[at] = 1;
  const momentAt = new Int32Array(count).fill(NONE);
  const momentBefore = new Int32Array(count).fill(NONE);
  let last = NONE;
  for (let at = 0; at < count; at++) {
    momentBefore[at] = last;
    if (ends[at] !== 1) continue;
    const moment = graph.node();
    if (last !== NONE) graph.add(last, moment, Kind.realTime, NONE);
    momentAt[at] = moment;
    last = moment;
  }
  for (let index = 0; index < happened.length; index++) {
    if (happened[index] !== 1) continue;
    const own = momentAt[end[index] ?? 0];
    if (own !== undefined && end[index] !== NEVER) graph.add(index, own, Kind.realTime, NONE);
    const before = momentBefore[start[index] ?? 0] ?? NONE;
    if (before !== NONE) graph.add(before, index, Kind.realTime, NONE);
  }
}
