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

/** A key below which there is no row of the index. */
export class ExpiryHead {
  #head = EXPIRY_SPACE;

  /** A row was set. */
  set(key: StateKey): void {
    if (isExpiryKey(key) && key < this.#head) this.#head = key;
  }

  clear(): void {
    this.#head = EXPIRY_SPACE;
  }

  /** Reads the page that `read` reads, without what is known to have no rows. */
  read(range: RowRange, read: (range: RowRange) => RowPage): RowPage {
    if (range.reverse === true || !isInExpiryIndex(range) || range.from > this.#head) return read(range);
    const { to = EXPIRY_END } = range;
    if (to <= this.#head) return { rows: [], rest: undefined };
    const page = read({ ...range, from: this.#head });
    this.#head = page.rows[0]?.[0] ?? page.rest?.from ?? to;
    return page;
  }
}
