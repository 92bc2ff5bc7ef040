/**
 * Formats the times of a history. Their unit is not recorded: nanoseconds in Kvorum's own runs, a mere count in others.
 * Short spans are shown as counts.
 */
const UNITS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
] as const;

/** A span of at least this length is assumed to be in nanoseconds. */
const NANOSECONDS_FROM = 10_000;

/** Time elapsed since `from`: integers of any size are subtracted exactly, and numbers need not be integers. */
export function timeSince(from: number | bigint, time: number | bigint): number {
  if (typeof from === 'number' && typeof time === 'number') return time - from;
  return Number(BigInt(time) - BigInt(from));
}

export function formatDuration(span: number): string {
  if (span < NANOSECONDS_FROM) return String(span);
  const [unit, size] = UNITS.find(([, one]) => span >= one) ?? UNITS[2];
  return `${(span / size).toPrecision(3)} ${unit}`;
}

export function formatSpan(start: number | bigint, end: number | bigint): string {
  return `${String(start)} to ${String(end)} (${formatDuration(timeSince(start, end))})`;
}
