/**
 * Where the expiry index begins: rows whose key starts with the char below, ordered by their deadline.
 *
 * A leader asks for the first of them all the time. What has expired is deleted from memory at once, but is still among
 * the durable rows until the next checkpoint; without this, every such read would pass over all of them again.
 */
import type { RowPage, RowRange, StateKey } from '../../raft/index.js';

export const EXPIRY_SPACE: StateKey = '\u0004';
const EXPIRY_CHAR = EXPIRY_SPACE.charCodeAt(0);
/** The smallest key behind the index. */
export const EXPIRY_END: StateKey = '\u0005';

export const isExpiryKey = (key: StateKey): boolean => key.charCodeAt(0) === EXPIRY_CHAR;

export const isInExpiryIndex = ({ from, to }: RowRange): boolean =>
  isExpiryKey(from) && to !== undefined && to <= EXPIRY_END;

/** A key below which there is no row of the index. It follows the rows that were read last as they are deleted in order. */
export class ExpiryHead {
  #head = EXPIRY_SPACE;
  /** Keys of rows that follow each other, of which those from `#at` on are there; the first of these is the head. */
  #rows: readonly StateKey[] = [];
  #at = 0;

  /** A row of the index was set. */
  set(key: StateKey): void {
    if (key <= (this.#rows.at(-1) ?? '')) this.#rows = [];
    if (key < this.#head) this.#head = key;
  }

  /** A row of the index was deleted. */
  delete(key: StateKey): void {
    if (key !== this.#rows[this.#at]) return;
    this.#at += 1;
    this.#head = this.#rows[this.#at] ?? `${key}\0`;
  }

  clear(): void {
    this.#head = EXPIRY_SPACE;
    this.#rows = [];
  }

  /** Reads the page that `read` reads, without what is known to have no rows. */
  read(range: RowRange, read: (range: RowRange) => RowPage): RowPage {
    if (range.reverse === true || !isInExpiryIndex(range) || range.from > this.#head) return read(range);
    const { to = EXPIRY_END } = range;
    if (to <= this.#head) return { rows: [], rest: undefined };
    const page = read({ ...range, from: this.#head });
    this.#rows = page.rows.map(([key]) => key);
    this.#at = 0;
    this.#head = this.#rows[0] ?? page.rest?.from ?? to;
    return page;
  }
}
