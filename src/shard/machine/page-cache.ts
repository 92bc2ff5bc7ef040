/**
 * A cache of short pages of durable rows, for lists that are read again and again: 2.2 µs for each of their rows in SQLite.
 *
 * A page is what the durable state has in a range, whatever the layers over it have: it holds until the next checkpoint of
 * its group is durable. Two generations, as in `row-cache.ts`.
 */
import type { GroupId, PageBounds, RowPage, RowRange } from '../../raft/index.js';
import { ROW_OVERHEAD_BYTES } from './row-cache.js';

/** By what was asked for, see `nameOf`. */
type Pages = Map<string, { readonly page: RowPage; readonly bytes: number }>;

/** Longer ones are mostly read once, by scans. */
const MOST_PAGE_ROWS = 64;
const MOST_PAGE_BYTES = 64 * 1024;

export class PageCache {
  readonly #mostYoungBytes: number;
  #young = new Map<GroupId, Pages>();
  #old = new Map<GroupId, Pages>();
  #youngBytes = 0;

  /** @param maxBytes bound for all groups together; 0 disables the cache. */
  constructor(maxBytes: number) {
    this.#mostYoungBytes = maxBytes / 2;
  }

  /** The page as `read` reads it from the durable state, or has read it since the last `clear`. */
  read(
    group: GroupId,
    range: RowRange,
    bounds: PageBounds,
    read: (range: RowRange, bounds: PageBounds) => RowPage,
  ): RowPage {
    if (bounds.rows > MOST_PAGE_ROWS) return read(range, bounds);
    const name = nameOf(range, bounds);
    const young = this.#young.get(group)?.get(name);
    if (young !== undefined) return young.page;
    const page = this.#old.get(group)?.get(name)?.page ?? read(range, bounds);
    this.#keep(group, name, page);
    return page;
  }

  /** Drops the group's pages, because its durable state has changed. */
  clear(group: GroupId): void {
    for (const { bytes } of this.#young.get(group)?.values() ?? []) this.#youngBytes -= bytes;
    this.#young.delete(group);
    this.#old.delete(group);
  }

  #keep(group: GroupId, name: string, page: RowPage): void {
    let bytes = name.length + ROW_OVERHEAD_BYTES;
    for (const [key, value] of page.rows) bytes += key.length + value.length + ROW_OVERHEAD_BYTES;
    if (bytes > Math.min(MOST_PAGE_BYTES, this.#mostYoungBytes)) return;
    let pages = this.#young.get(group);
    if (pages === undefined) this.#young.set(group, (pages = new Map() as Pages));
    pages.set(name, { page, bytes });
    this.#youngBytes += bytes;
    if (this.#youngBytes <= this.#mostYoungBytes) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}

/** Different for any two pages of a group. */
const nameOf = ({ from, to, reverse, keysOnly }: RowRange, { rows, bytes }: PageBounds): string =>
  `${rows} ${bytes} ${reverse === true ? 'r' : ''}${keysOnly === true ? 'k' : ''}${to === undefined ? 'e' : ''} ` +
  `${from.length} ${from}${to ?? ''}`;
