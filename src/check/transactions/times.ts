/**
 * The times of a history as ranks: small integers in the same order, so that numbers and bigints are compared once.
 *
 * Only what was answered has an end; an unknown outcome may come at any time, so it is before nothing.
 */
import type { TransactionRecord } from './transaction.js';

export interface Ranks {
  readonly start: Int32Array;
  /** NEVER for what has no end. */
  readonly end: Int32Array;
  /** Ranks are below it. */
  readonly count: number;
}

export const NEVER = 0x7fff_ffff;

export function rankTimes(transactions: readonly TransactionRecord[]): Ranks {
  const times = transactions.flatMap(({ start, end, ok }) => (ok === true ? [start, end] : [start]));
  times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const rankOf = new Map<number | bigint, number>();
  let count = 0;
  let last: number | bigint | undefined;
  for (const time of times) {
    // Loosely: a number and a bigint of the same value are the same time.
    if (last !== undefined && last < time) count++;
    rankOf.set(time, count);
    last = time;
  }
  const rank = (time: number | bigint): number => rankOf.get(time) ?? NEVER;
  return {
    start: Int32Array.from(transactions, ({ start }) => rank(start)),
    end: Int32Array.from(transactions, ({ end, ok }) => (ok === true ? rank(end) : NEVER)),
    count: count + 1,
  };
}
