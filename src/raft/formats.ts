/**
 * Numbers that stand in bytes and say how the rest is to be read: kinds of records, layouts, formats of files. Which
 * builds read and write each of them; and the refusal of one that this build does not know, by name.
 *
 * A build is named by its feature level (`shard/transport/protocol.ts`); 0 are builds before there were any. `src/shard/formats.ts`
 * adds what is the shard room's: that is the whole table. Encoders and decoders take their numbers from here, so there
 * is nothing to keep in step. A number is never given out twice, also after the last build that wrote it is gone.
 *
 * Knows no bytes, and imports nothing.
 */

/** One number of a format. */
export interface FormatNumber {
  readonly number: number;
  /** The first build that reads it: this one and all in between do, too. */
  readonly read: number;
  /** First and last build that write it; `NEVER` to reserve one, without an end: this build does. */
  readonly written: readonly [from: number, to?: number];
}

export const NEVER: readonly [number, number] = [Infinity, Infinity];

type Rows = Readonly<Record<string, FormatNumber>>;

export interface Format<R extends Rows = Rows> {
  /** As in `entry kind 9`. */
  readonly what: string;
  /** Where the number stands, and what it says. */
  readonly where: string;
  readonly rows: R;
  /** The numbers by name. */
  readonly numbers: { readonly [Name in keyof R]: R[Name]['number'] };
  /** Ascending: all that this build reads. */
  readonly read: readonly number[];
}

export function format<const R extends Rows>(what: string, where: string, rows: R): Format<R> {
  const numbers = Object.fromEntries(Object.entries(rows).map(([name, { number }]) => [name, number]));
  const read = Object.values(numbers).sort((a, b) => a - b);
  return { what, where, rows, numbers: numbers as Format<R>['numbers'], read };
}

/** Numbers that builds read and write from `level` on; later ones stand beside it in the table. */
export function since<const N extends Readonly<Record<string, number>>>(
  level: number,
  numbers: N,
): { readonly [Name in keyof N]: { number: N[Name]; read: number; written: readonly [number] } } {
  const rows = Object.entries(numbers).map(([name, number]) => [name, { number, read: level, written: [level] }]);
  return Object.fromEntries(rows) as ReturnType<typeof since<N>>;
}

/** The one that this build writes, of a format of which it writes one at a time: the highest. */
export const numberWritten = ({ rows }: Format): number =>
  Math.max(
    ...Object.values(rows)
      .filter(({ written: [, to] }) => to === undefined)
      .map(({ number }) => number),
  );

export const reads = (format: Format, number: number): boolean => format.read.includes(number);

/** Why this build does not take `number`: what it is, what would be known, and who may have written it. */
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

/** What groups and data folders hold. */
export const RAFT_FORMATS = {
  dataFolder: format('data folder format', '`user_version` of journal.db and of state.db', {
    rows: { number: 1, read: 2, written: [0, 0] },
    slots: { number: 2, read: 1, written: [1] },
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
