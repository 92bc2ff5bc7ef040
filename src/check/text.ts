/** Numbers, counts and columns, as all reports print them. */
import { formatDuration, timeSince } from './time.js';

export const number = (value: number): string => value.toLocaleString('en-US');
export const count = (value: number, what: string): string => `${number(value)} ${what}${value === 1 ? '' : 's'}`;

export const took = (ms: number): string =>
  ms < 10_000 ? `${number(Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`;

/** A time relative to another one: `+5`, `-3`. */
export function since(time: number | bigint, from: number | bigint): string {
  const distance = timeSince(from, time);
  return distance < 0 ? String(distance) : `+${String(distance)}`;
}

/** The same for people: `+20 ms`, where times are in nanoseconds. */
export function offset(time: number | bigint, from: number | bigint): string {
  const distance = timeSince(from, time);
  return `${distance < 0 ? '−' : '+'}${formatDuration(Math.abs(distance))}`;
}

/** One line a row; all columns but the last one are aligned to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
