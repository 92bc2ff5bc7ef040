/**
 * A cache of recently used rows of all groups of a node, and of short pages of durable rows, bounded in bytes. It serves
 * most reads, which would take 4 µs of the event loop in SQLite (a fifth of a node's processor time under writes), and
 * the pages of lists that are read again and again, 2.2 µs for each of their rows.
 *
 * There are two generations: a row that is used enters the young one; when that reaches half of the bound, the old one
 * is dropped as a whole and the young one takes its place. So a hit needs no reordering, and a row that is used at
 * least once per generation stays. The cache holds the latest value of a row or none. A page is what the durable state
 * has in a range, whatever the layers over it have: it holds until the next checkpoint of its group is durable.
 */
import type { GroupId, PageBounds, RowPage, RowRange, StateKey } from '../../raft/index.js';

type Rows = Map<StateKey, Uint8Array>;

/** By what was asked for, see `nameOf`. */
type Pages = Map<string, { readonly page: RowPage; readonly bytes: number }>;

/** Longer ones are mostly read once, by scans, and would push out what is used again. */
const MOST_PAGE_ROWS = 64;
const MOST_PAGE_BYTES = 64 * 1024;

/** Approximate overhead of a map entry besides key and value. */
const ROW_OVERHEAD_BYTES = 64;

export class RowCache {
  readonly #mostYoungBytes: number;
  #young = new Map<GroupId, Rows>();
  #old = new Map<GroupId, Rows>();
  #youngPages = new Map<GroupId, Pages>();
  #oldPages = new Map<GroupId, Pages>();
  #youngBytes = 0;

  /** @param maxBytes bound for all groups together; 0 disables the cache. */
  constructor(maxBytes: number) {
    this.#mostYoungBytes = maxBytes / 2;
  }

  get(group: GroupId, key: StateKey): Uint8Array | undefined {
    const young = this.#young.get(group)?.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(group)?.get(key);
    if (old !== undefined) this.set(group, key, old);
    return old;
  }

  set(group: GroupId, key: StateKey, value: Uint8Array): void {
    let rows = this.#young.get(group);
    if (rows === undefined) this.#young.set(group, (rows = new Map<StateKey, Uint8Array>()));
    const replaced = rows.get(key);
    this.#youngBytes += value.length - (replaced?.length ?? -key.length - ROW_OVERHEAD_BYTES);
    rows.set(key, value);
    if (this.#youngBytes > this.#mostYoungBytes) this.#turnOver();
  }

  delete(group: GroupId, key: StateKey): void {
    const rows = this.#young.get(group);
    const deleted = rows?.get(key);
    if (deleted !== undefined) {
      rows?.delete(key);
      this.#youngBytes -= deleted.length + key.length + ROW_OVERHEAD_BYTES;
    }
    this.#old.get(group)?.delete(key);
  }

  /** The page as `read` reads it from the durable state, or has read it since the last `clearPages`. */
  page(
    group: GroupId,
    range: RowRange,
    bounds: PageBounds,
    read: (range: RowRange, bounds: PageBounds) => RowPage,
  ): RowPage {
    if (bounds.rows > MOST_PAGE_ROWS) return read(range, bounds);
    const name = nameOf(range, bounds);
    const young = this.#youngPages.get(group)?.get(name);
    if (young !== undefined) return young.page;
    const page = this.#oldPages.get(group)?.get(name)?.page ?? read(range, bounds);
    this.#keepPage(group, name, page);
    return page;
  }

  #keepPage(group: GroupId, name: string, page: RowPage): void {
    let bytes = name.length + ROW_OVERHEAD_BYTES;
    for (const [key, value] of page.rows) bytes += key.length + value.length + ROW_OVERHEAD_BYTES;
    if (bytes > Math.min(MOST_PAGE_BYTES, this.#mostYoungBytes)) return;
    let pages = this.#youngPages.get(group);
    if (pages === undefined) this.#youngPages.set(group, (pages = new Map() as Pages));
    pages.set(name, { page, bytes });
    this.#youngBytes += bytes;
    if (this.#youngBytes > this.#mostYoungBytes) this.#turnOver();
  }

  /** Drops the group's pages, because its durable state has changed. */
  clearPages(group: GroupId): void {
    for (const { bytes } of this.#youngPages.get(group)?.values() ?? []) this.#youngBytes -= bytes;
    this.#youngPages.delete(group);
    this.#oldPages.delete(group);
  }

  /** Drops the group's rows and pages, because its state was replaced. */
  clear(group: GroupId): void {
    for (const [key, value] of this.#young.get(group) ?? []) {
      this.#youngBytes -= value.length + key.length + ROW_OVERHEAD_BYTES;
    }
    this.#young.delete(group);
    this.#old.delete(group);
    this.clearPages(group);
  }

  #turnOver(): void {
    this.#old = this.#mostYoungBytes > 0 ? this.#young : new Map<GroupId, Rows>();
    this.#young = new Map();
    this.#oldPages = this.#youngPages;
    this.#youngPages = new Map();
    this.#youngBytes = 0;
  }
}

/** Different for any two pages of a group. */
const nameOf = ({ from, to, reverse, keysOnly }: RowRange, { rows, bytes }: PageBounds): string =>
  `${rows} ${bytes} ${reverse === true ? 'r' : ''}${keysOnly === true ? 'k' : ''}${to === undefined ? 'e' : ''} ` +
  `${from.length} ${from}${to ?? ''}`;
