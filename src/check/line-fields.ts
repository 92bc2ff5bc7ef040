/**
 * What the lines of all recorded formats have in common: a JSON object, an outcome, a client, and times, each checked by
 * itself. An error is one sentence, without the number of the line, which the reader of the file adds.
 */
import { bareValueOf, countFields } from './fields.js';
import { messageOf } from '../thrown.js';

/** What is wrong with a line. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

export type Fields = Readonly<Record<string, unknown>>;

/** @throws LineError, also for a field that stands twice: it is ambiguous which one was meant. */
export function parseObject(line: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new LineError(`not JSON: ${messageOf(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new LineError(`not a JSON object: ${describe(parsed)}`);
  }
  // Of two fields with the same name JSON.parse keeps the last.
  if (countFields(line) !== Object.keys(parsed).length) throw new LineError('a field stands twice');
  return parsed as Fields;
}

export function outcomeOf(value: unknown): boolean | null {
  if (value === true || value === false || value === null) return value;
  throw new LineError(`"ok" must be true, false, or null (unknown); got ${describe(value)}`);
}

export function clientOf(value: unknown): number | string {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
  throw new LineError(`"client" must be a whole number or a string; got ${describe(value)}`);
}

export interface Times {
  readonly start: number | bigint;
  readonly end: number | bigint;
}

/** What has an unknown outcome has no meaningful end: it may be absent, and is not compared with the start. */
export function timesOf(fields: Fields, ok: boolean | null, line: string): Times {
  const start = timeOf(fields, 'start', line);
  const open = ok === null && (fields['end'] === undefined || fields['end'] === null);
  const end = open ? start : timeOf(fields, 'end', line);
  if (ok !== null && end < start) throw new LineError(`"end" (${String(end)}) is before "start" (${String(start)})`);
  return { start, end };
}

/** An integer: a time, or a span of it. */
export function timeOf(fields: Fields, name: string, line: string): number | bigint {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  // A number beyond 2^53 is read again from the text: rounded, it could change places with another.
  const digits = typeof value === 'number' ? bareValueOf(line, name) : value;
  if (typeof digits === 'string' && /^-?\d{1,40}$/.test(digits)) return BigInt(digits);
  throw new LineError(
    `"${name}" must be an integer, or an integer in quotes; got ${digits === value ? describe(value) : shortened(String(digits))}`,
  );
}

export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  try {
    return shortened(JSON.stringify(value));
  } catch {
    // JSON.parse has no limit on nesting, JSON.stringify has one: the stack.
    return 'something that is nested too deeply to be shown';
  }
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
