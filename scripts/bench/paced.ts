/**
 * Latency at equal work: etcd as fast as it goes with 64 clients, and Kvorum at that very rate, in turn.
 *
 * Kvorum's requests are sent when they are due and counted from then; etcd's clients wait for their answers, which
 * favours it. A request may be sent a millisecond late, for so finely does a timer of Node work.
 */
import type { Context } from './context.js';
import type { KvorumTarget } from './kvorum-target.js';
import { measure, medians, type Figures } from './measure.js';
import type { Options } from './options.js';
import type { Target } from './target.js';

export interface Paced {
  readonly operation: 'put' | 'get';
  /** Operations in a second. */
  readonly rate: number;
  readonly etcd: Figures;
  readonly kvorum: Figures;
}

export const PACED_CLIENTS = 64;
/** More connections than clients of etcd, or a slow answer would keep others from being sent on time. */
const CONNECTIONS = 256;

export async function measurePaced(
  operation: Paced['operation'],
  rate: number,
  { kvorum, etcd }: { readonly kvorum: KvorumTarget; readonly etcd: Target },
  { rounds, seconds, valueBytes }: Options,
  { say }: Context,
): Promise<Paced> {
  const [theirs, mine]: [Figures[], Figures[]] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    theirs.push(await measure(etcd, { row: { operation, clients: PACED_CLIENTS }, seconds, valueBytes }));
    const row = { operation, clients: CONNECTIONS };
    const drive = () => kvorum.side.driveAt(row, seconds, rate);
    mine.push(await measure(kvorum, { row, seconds, valueBytes, drive }));
    const [p99, etcdP99] = [mine.at(-1)?.p99Ms ?? NaN, theirs.at(-1)?.p99Ms ?? NaN];
    say(
      `${operation} at ${Math.round(rate)}/s ${round}/${rounds}: p99 ${p99.toFixed(1)} ms, etcd ${etcdP99.toFixed(1)}`,
    );
  }
  return { operation, rate, etcd: medians(theirs), kvorum: medians(mine) };
}
