/**
 * Format numbers (record kinds, row layouts, versions of files): which builds read and write each, and the error message
 * for one that this build does not know.
 *
 * A build is identified by its feature level (`shard/transport/protocol.ts`); 0 are builds before there were any.
 * `src/shard/formats.ts` adds the formats of the shard layer: together they are the whole table. Encoders and decoders take
 * their numbers from here. A number is never reused, even after the last build that wrote it is gone.
 */

/** One number of a format. */
export interface FormatNumber {
  readonly number: number;
  /** Feature level of the first build that reads it; all later ones do, too. */
  readonly read: number;
  /** Feature levels of the first and last build that write it. Without an end: this build does. `NEVER`: reserved. */
  readonly written: readonly [from: number, to?: number];
}

/** As `FormatNumber.written`: the number is reserved, and no build writes it. */
export const NEVER: readonly [number, number] = [Infinity, Infinity];

type Rows = Readonly<Record<string, FormatNumber>>;

/** One format: a set of numbers with the same place in the bytes. Made by `format`. */
export interface Format<R extends Rows = Rows> {
  /** Name for messages, as in `entry kind 9`. */
  readonly what: string;
  /** Where the number is stored, for the table in the documentation. */
  readonly where: string;
  readonly rows: R;
  /** The numbers by name. */
  readonly numbers: { readonly [Name in keyof R]: R[Name]['number'] };
  /** All numbers that this build reads, ascending. */
  readonly read: readonly number[];
}

/** Makes a `Format` from its rows. */
export function format<const R extends Rows>(what: string, where: string, rows: R): Format<R> {
  const numbers = Object.fromEntries(Object.entries(rows).map(([name, { number }]) => [name, number]));
  const read = Object.values(numbers).sort((a, b) => a - b);
  return { what, where, rows, numbers: numbers as Format<R>['numbers'], read };
}

/** Rows for numbers that builds read and write from feature level `level` on. */
export function since<const N extends Readonly<Record<string, number>>>(
  level: number,
  numbers: N,
): { readonly [Name in keyof N]: { number: N[Name]; read: number; written: readonly [number] } } {
  const rows = Object.entries(numbers).map(([name, number]) => [name, { number, read: level, written: [level] }]);
  return Object.fromEntries(rows) as ReturnType<typeof since<N>>;
}

/** The number that this build writes, for a format of which it writes one at a time: the highest. */
export const numberWritten = ({ rows }: Format): number =>
  Math.max(
    ...Object.values(rows)
      .filter(({ written: [, to] }) => to === undefined)
      .map(({ number }) => number),
  );

/** Does this build read `number`? */
export const reads = (format: Format, number: number): boolean => format.read.includes(number);

/** Error message for a `number` that this build does not read: names the format, the numbers it reads, and who wrote it. */
export function unknownNumber(format: Format, number: number): string {
  const known = format.read;
  const [least = 0] = known;
  const whose = number < least ? 'an earlier build wrote it' : 'a later build wrote it';
  return `${format.what} ${number} is unknown to this build, which reads ${ranges(known)}; ${whose}`;
}

/** `1, 4 to 7`. */
function ranges(ascending: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of ascending) {
    const run = runs.at(-1);
    if (run !== undefined && number === run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`)).join(', ');
}

/** The formats of journals, entries and data folders. */
export const RAFT_FORMATS = {
  dataFolder: format('data folder format', '`user_version` of journal.db and of state.db', {
    rows: { number: 1, read: 2, written: [0, 0] },
    slots: { number: 2, read: 1, written: [1, 4] },
    largeValues: { number: 3, read: 4, written: [4] },
  }),
  journalRow: format('journal row version', 'first byte of a row of journal.db', since(1, { rows: 1 })),
  journalPart: format('journal record part', 'bits of a record of a journal row: which parts follow', {
    ...since(1, { hardState: 1, reset: 2, entries: 4 }),
  }),
  entryKind: format('entry kind', 'of an entry, in journal rows and on links', {
    ...since(1, { noop: 0, command: 1 }),
    configuration: { number: 2, read: 1, written: NEVER },
  }),
} as const;
