/** Merges layers of rows, newer ones over older ones, into pages of a range. */
import { PageBuilder, lowerBound } from '../../raft/index.js';
import type { PageBounds, RowPage, RowRange, StateKey } from '../../raft/index.js';

/** Goes through rows in the order of a range. */
export interface RowCursor {
  /** Of the row at which it stands; undefined at the end. */
  readonly key: StateKey | undefined;
  /** Undefined: the row is deleted. */
  readonly value: Uint8Array | undefined;
  /** False: it is at the end. True: it may have a row, which is perhaps not read yet. */
  readonly mayHaveRow: boolean;
  advance(): void;
}

/** Rows of memory in key order. */
export interface Run {
  readonly keys: readonly StateKey[];
  /** Of the key at this index. Undefined: the row is deleted. */
  value(at: number): Uint8Array | undefined;
}

/** Goes through a part of a run, from index `low` up to, without, `high`. */
export class RunCursor implements RowCursor {
  readonly #run: Run;
  readonly #step: 1 | -1;
  #at: number;
  #left: number;
  key: StateKey | undefined;

  constructor(run: Run, low: number, high: number, reverse: boolean) {
    this.#run = run;
    this.#step = reverse ? -1 : 1;
    this.#at = reverse ? high - 1 : low;
    this.#left = high - low;
    this.key = this.#left > 0 ? run.keys[this.#at] : undefined;
  }

  get value(): Uint8Array | undefined {
    return this.key === undefined ? undefined : this.#run.value(this.#at);
  }

  get mayHaveRow(): boolean {
    return this.key !== undefined;
  }

  advance(): void {
    this.#at += this.#step;
    this.key = --this.#left > 0 ? this.#run.keys[this.#at] : undefined;
  }
}

/** The rows of the range, in cursors; a run has each key once. */
export function cursorsOf(runs: readonly Run[], range: RowRange): RunCursor[] {
  const cursors: RunCursor[] = [];
  for (const run of runs) {
    const [low, high] = boundsIn(run.keys, range);
    if (low < high) cursors.push(new RunCursor(run, low, high, range.reverse === true));
  }
  return cursors;
}

/** Offsets of the first key in the range, and of the first one behind it. */
export const boundsIn = (keys: readonly StateKey[], { from, to }: RowRange): readonly [low: number, high: number] => [
  lowerBound(keys, from),
  to === undefined ? keys.length : lowerBound(keys, to),
];

/** Reads a page of durable rows. */
export type ReadRange = (range: RowRange, bounds: PageBounds) => RowPage;

/** Durable rows of one read; more only where rows in memory hide so many that a page is not full yet. */
const MOST_ROWS = 512;

/** Goes through durable rows, which it reads when they are asked for. */
export class DurableCursor implements RowCursor {
  readonly #read: ReadRange;
  readonly #room: () => PageBounds;
  #page: RowPage;
  #at = 0;

  /** `room`: what the page that is being filled has room for. */
  constructor(read: ReadRange, range: RowRange, room: () => PageBounds) {
    this.#read = read;
    this.#room = room;
    this.#page = { rows: [], rest: range };
  }

  get key(): StateKey | undefined {
    this.#ensureRow();
    return this.#page.rows[this.#at]?.[0];
  }

  get value(): Uint8Array | undefined {
    this.#ensureRow();
    return this.#page.rows[this.#at]?.[1];
  }

  get mayHaveRow(): boolean {
    return this.#at < this.#page.rows.length || this.#page.rest !== undefined;
  }

  advance(): void {
    this.#ensureRow();
    this.#at++;
  }

  #ensureRow(): void {
    while (this.#at >= this.#page.rows.length && this.#page.rest !== undefined) {
      const { rows, bytes } = this.#room();
      const most = Math.min(MOST_ROWS, Math.max(rows, 2 * this.#page.rows.length));
      this.#page = this.#read(this.#page.rest, { rows: most, bytes });
      this.#at = 0;
    }
  }
}

/** Deleted rows that one page may pass over: a page takes bounded time, however few rows it finds. */
export const MOST_SKIPPED = 4_096;

/** @param layers newest first: of rows with the same key the first one counts. */
export function mergedPage(
  layers: readonly RowCursor[],
  durable: ReadRange,
  range: RowRange,
  bounds: PageBounds,
): RowPage {
  const page = new PageBuilder(range, bounds);
  const cursors = [...layers, new DurableCursor(durable, range, () => page.room)];
  const reverse = range.reverse === true;
  let last: StateKey | undefined;
  for (let skipped = 0; skipped < MOST_SKIPPED && !page.isFull;) {
    const next = first(cursors, reverse);
    const key = next?.key;
    if (key === undefined) return page.last();
    const value = next?.value;
    if (value === undefined) skipped++;
    else page.add(key, value);
    for (const cursor of cursors) if (cursor.key === key) cursor.advance();
    last = key;
  }
  return cursors.some(({ mayHaveRow }) => mayHaveRow) ? page.full(last) : page.last();
}

/** The cursor whose row comes next; of several the one of the newest layer. */
function first(cursors: readonly RowCursor[], reverse: boolean): RowCursor | undefined {
  let next: RowCursor | undefined;
  let smallest: StateKey | undefined;
  for (const cursor of cursors) {
    const { key } = cursor;
    if (key === undefined) continue;
    if (smallest !== undefined && (reverse ? key <= smallest : key >= smallest)) continue;
    next = cursor;
    smallest = key;
  }
  return next;
}
