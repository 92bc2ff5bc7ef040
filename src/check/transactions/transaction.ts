/** One transaction of a recorded history, its line in a file, and its description for people. */

/** A key, or an element of a list. The integer 1 and the string "1" are different. */
export type Scalar = number | string;

/** `append` adds an element, unique for its key, to the end of a key's list. */
export type Append = readonly ['append', Scalar, Scalar];
/** `r` reads a key's list, which is empty at first; null or absent: what it read is not known. */
export type Read = readonly ['r', Scalar, (readonly Scalar[] | null)?];

/**
 * One transaction of a list-append history, as in the recorded format (one JSON line each).
 *
 * `ok`: true = committed; false = definitely did not happen; null = unknown: it may take effect at any time after
 * `start`, or never, and its `end` means nothing.
 */
export interface TransactionRecord {
  readonly client: Scalar;
  readonly ops: readonly (Append | Read)[];
  readonly ok: boolean | null;
  /** Nanoseconds, or any count of one monotonic clock. */
  readonly start: number | bigint;
  readonly end: number | bigint;
}

/** One line of the recorded format, without its line end. A bigint becomes an integer in quotes. */
export function formatTransaction({ client, ops, ok, start, end }: TransactionRecord): string {
  const time = (at: number | bigint): number | string => (typeof at === 'bigint' ? at.toString() : at);
  return JSON.stringify({ client, ops, ok, start: time(start), end: time(end) });
}

/** Transactions have no names of their own: they are numbered as they stand in the history, from 1. */
export const nameOf = (index: number): string => `T${index + 1}`;

export const formatScalar = (value: Scalar): string => shorten(JSON.stringify(value));

/** The end of a list: it says the most. */
export function formatList(list: readonly Scalar[], limit = 4): string {
  const shown = list.slice(-limit).map(formatScalar);
  if (shown.length < list.length) shown.unshift('…');
  return `[${shown.join(', ')}]`;
}

/** All operations and the outcome in one line: `append "k" 3, r "k" [1, 3]: unknown`. */
export function describeTransaction({ ops, ok }: TransactionRecord, limit = 8): string {
  const shown = ops.slice(0, limit).map(([op, key, value]) => {
    if (op === 'append') return `append ${formatScalar(key)} ${formatScalar(value)}`;
    return `r ${formatScalar(key)} ${value === null || value === undefined ? '?' : formatList(value)}`;
  });
  if (shown.length < ops.length) shown.push(`… ${ops.length - shown.length} more`);
  const outcome = ok === null ? ': unknown' : ok ? '' : ': did not happen';
  return `${shown.join(', ')}${outcome}`;
}

const shorten = (text: string): string => (text.length <= 40 ? text : `${text.slice(0, 39)}…`);
