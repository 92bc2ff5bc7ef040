/** Ranges of state rows and pages of them (`RowRange`, `RowPage`). */
import type { PageBounds, PresentRow, RowPage, RowRange, StateKey } from './storage.js';
import { prefixEnd } from './state/state-rows.js';

/** The value of rows that were read without theirs. */
export const NO_VALUE: Uint8Array = new Uint8Array(0);

export const EVERYTHING: RowRange = { from: '', to: undefined };
export const NO_BOUNDS: PageBounds = { rows: Infinity, bytes: Infinity };
export const EMPTY_PAGE: RowPage = { rows: [], rest: undefined };

/** All keys that start with `prefix`. */
export const prefixRange = (prefix: StateKey): RowRange => ({ from: prefix, to: prefixEnd(prefix) });

/** What is left of `range` once `last` and everything before it was returned. */
export const restBehind = (range: RowRange, last: StateKey): RowRange =>
  // The smallest key after another one is that key followed by a zero byte.
  range.reverse === true ? { ...range, to: last } : { ...range, from: `${last}\0` };

/** What is in both; `range` says how it is read. */
export function intersection(range: RowRange, other: RowRange): RowRange {
  const from = range.from > other.from ? range.from : other.from;
  const isShorter = other.to !== undefined && (range.to === undefined || other.to < range.to);
  return { ...range, from, to: isShorter ? other.to : range.to };
}

/** Offset of the first of the sorted keys that is at least `key`; their number if there is none. */
export function lowerBound(keys: readonly StateKey[], key: StateKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Collects the rows of one page, until it is full. */
export class PageBuilder {
  readonly #range: RowRange;
  readonly #bounds: PageBounds;
  readonly #rows: PresentRow[] = [];
  #bytes = 0;

  constructor(range: RowRange, bounds: PageBounds) {
    this.#range = range;
    this.#bounds = bounds;
  }

  get isFull(): boolean {
    return this.#rows.length >= this.#bounds.rows || this.#bytes >= this.#bounds.bytes;
  }

  /** What may still be added. */
  get room(): PageBounds {
    return { rows: this.#bounds.rows - this.#rows.length, bytes: this.#bounds.bytes - this.#bytes };
  }

  add(key: StateKey, value: Uint8Array): void {
    this.#rows.push([key, this.#range.keysOnly === true ? NO_VALUE : value]);
    this.#bytes += key.length + (this.#range.keysOnly === true ? 0 : value.length);
  }

  /** `last`: the last key that was considered; undefined: none. */
  full(last: StateKey | undefined): RowPage {
    return { rows: this.#rows, rest: last === undefined ? this.#range : restBehind(this.#range, last) };
  }

  /** The page that reaches the end of the range. */
  last(): RowPage {
    return { rows: this.#rows, rest: undefined };
  }
}
