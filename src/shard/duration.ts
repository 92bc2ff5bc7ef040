/** Durations as users write them: `250ms`, `30s`, `15m`, `24h`, `7d`. Over HTTP and in the embedded store alike. */
import { MAX_TTL_MS } from './program-codec.js';

/** Twelve digits: more than any bound, and exact as a double in every unit. */
export const DURATION = /^([1-9][0-9]{0,11})(ms|s|m|h|d)$/;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, from 1 on; undefined for anything but a positive whole number with a unit. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = DURATION.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? Number.NaN);
}

/** Milliseconds of a time to live, 1 ms to 10 years; undefined for anything else. */
export function parseTtl(text: string): number | undefined {
  const ms = parseDuration(text);
  return ms === undefined || ms > MAX_TTL_MS ? undefined : ms;
}

/** Whether a number of milliseconds may be a time to live. */
export const isTtl = (ms: number): boolean => Number.isSafeInteger(ms) && ms >= 1 && ms <= MAX_TTL_MS;
