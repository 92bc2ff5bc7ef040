/**
 * Times of a history, told to people. Their unit is not recorded: nanoseconds in Kvorum's own runs, a mere count in
 * others. Small spans are told as counts.
 */
const UNITS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
] as const;

/** From this on a span is taken for nanoseconds. */
const NANOSECONDS_FROM = 10_000;

/** How long after `from` something was; exact for integers of any size, and for numbers whatever they are. */
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
