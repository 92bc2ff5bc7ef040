/** The numbers of a history. */
import type { Operation } from './operation.js';

/** How large a history is, over all of its keys. */
export interface HistoryCounts {
  /** Number of operations, whatever came of them. */
  readonly operations: number;
  /** Number of keys that any operation names. */
  readonly keys: number;
  /** Number of clients by their names, as recorded: 1 and '1' are two. */
  readonly clients: number;
  /** The most answered operations (of all keys) under way at one time. */
  readonly concurrency: number;
  /** Operations with an unknown outcome. */
  readonly unknown: number;
}

type Timed = Pick<Operation, 'client' | 'ok' | 'start' | 'end'>;

/** @param operations or transactions. */
export function countHistory(operations: readonly Timed[], keys: number): HistoryCounts {
  const clients = new Set<number | string>();
  let unknown = 0;
  for (const { client, ok } of operations) {
    clients.add(client);
    if (ok === null) unknown++;
  }
  return {
    operations: operations.length,
    keys,
    clients: clients.size,
    concurrency: concurrencyOf(operations),
    unknown,
  };
}

/** An unknown operation has no end to count. At the same time, a start comes before an end. */
function concurrencyOf(operations: readonly Timed[]): number {
  const answered = operations.filter(({ ok }) => ok !== null);
  const byTime = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0);
  const starts = answered.map(({ start }) => start).sort(byTime);
  const ends = answered.map(({ end }) => end).sort(byTime);
  let most = 0;
  let ended = 0;
  for (const [started, start] of starts.entries()) {
    for (let end = ends[ended]; end !== undefined && end < start; end = ends[ended]) ended++;
    most = Math.max(most, started + 1 - ended);
  }
  return most;
}
