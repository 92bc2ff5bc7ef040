/** Pages of keys in order: against a sorted array, and what bounds a page. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { PageBuilder, type PageBounds, type RowPage, type RowRange } from '../../src/raft/index.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { MAX_LIST_ROWS, type List, type ListItem } from '../../src/shard/list.js';
import { readKeyPage } from '../../src/shard/machine/key-page.js';
import { encodeContent } from '../../src/shard/machine/record-row.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const everything: List = {
  type: 'list',
  shard: 0,
  from: Uint8Array.of(8),
  to: undefined,
  reverse: false,
  content: 'values',
  grouping: undefined,
  rows: 100,
  bytes: 1 << 20,
  consistency: 'linearizable',
};

const textKey = (text: string): Uint8Array => Buffer.from(`@${text}`);

function storeOf(texts: readonly string[], bodyBytes = 1): MapStateStore {
  const store = new MapStateStore();
  for (const text of texts) add(store, textKey(text), bodyBytes);
  // Neighbours of the records, which no list may show.
  store.set('\u0001@a', new Uint8Array(3));
  store.set('\u0004@b', new Uint8Array(3));
  return store;
}

function add(store: MapStateStore, key: Uint8Array, bodyBytes: number): void {
  const metadata = { revision: 5, createRevision: 4, version: 2, expiresAtMs: undefined };
  const row = encodeContent(key, { ...metadata, contentType: 'a/b', body: Buffer.alloc(bodyBytes, 7) });
  store.set(`\0${Buffer.from(key).toString('latin1')}`, row);
}

const shown = ({ type, key }: ListItem): string => (type === 'prefix' ? '~' : '') + Buffer.from(key).toString('latin1');

/** All pages, one after another. */
function pagesOf(store: Pick<MapStateStore, 'range'>, list: List): { items: string[]; pages: number; count: number } {
  const items: string[] = [];
  let [pages, count] = [0, 0];
  for (let left: List | undefined = list; left !== undefined; pages += 1) {
    const page = readKeyPage(store, left);
    expect(page.items.length).toBeLessThanOrEqual(left.rows);
    items.push(...page.items.map(shown));
    count += page.count;
    const { rest } = page;
    if (rest === undefined) left = undefined;
    else left = left.reverse ? { ...left, to: rest } : { ...left, from: rest };
    if (pages > 2_000) throw new Error('the pages do not end');
  }
  return { items, pages, count };
}

interface Range {
  readonly from: string;
  readonly to: string | undefined;
  readonly reverse: boolean;
  readonly delimiter: string | undefined;
  readonly prefix: string;
}

/** The same from a plain array. */
function expected(keys: readonly string[], { from, to, reverse, delimiter, prefix }: Range): string[] {
  const within = [...new Set(keys)].sort().filter((key) => key >= from && (to === undefined || key < to));
  const grouped = within.map((key) => {
    const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    return at < 0 ? `@${key}` : `~@${key.slice(0, at + (delimiter ?? '').length)}`;
  });
  const items = [...new Set(grouped)];
  return reverse ? items.reverse() : items;
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\xff'), maxLength: 5 });
const ascii = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 6 });

describe('pages of keys', () => {
  it('hold each key of the range once and in order, whatever their sizes and directions', () => {
    const scan = fc.record({
      keys: fc.array(ascii, { maxLength: 40 }),
      from: ascii,
      to: fc.option(text, { nil: undefined }),
      reverse: fc.boolean(),
      rows: fc.integer({ min: 1, max: 7 }),
      bytes: fc.integer({ min: 1, max: 300 }),
      content: fc.constantFrom('values' as const, 'keys' as const),
      delimiter: fc.option(fc.constantFrom('/', 'ab', '//'), { nil: undefined }),
    });
    fc.assert(
      fc.property(scan, ({ keys, from, to, delimiter, ...list }) => {
        const grouping = delimiter === undefined ? undefined : { prefixBytes: 1, delimiter: Buffer.from(delimiter) };
        const bounds = { from: textKey(from), to: to === undefined ? undefined : Buffer.from(`@${to}`, 'latin1') };
        const { items } = pagesOf(storeOf(keys), { ...everything, ...list, ...bounds, grouping });
        expect(items).toEqual(expected(keys, { from, to, reverse: list.reverse, delimiter, prefix: '' }));
      }),
      { numRuns: 600 },
    );
  });

  it('look for the delimiter behind the prefix only', () => {
    const list = { ...everything, from: textKey('a/'), to: textKey('a0') };
    const grouping = { prefixBytes: textKey('a/').length, delimiter: Buffer.from('/') };
    const store = storeOf(['a/b', 'a/c/d', 'a/c/e', 'a/f/', 'b/c']);
    expect(pagesOf(store, { ...list, grouping }).items).toEqual(['@a/b', '~@a/c/', '~@a/f/']);
    expect(pagesOf(store, { ...list, grouping, reverse: true }).items).toEqual(['~@a/f/', '~@a/c/', '@a/b']);
  });

  it('count without items', () => {
    const texts = Array.from({ length: 5_000 }, (_, at) => String(at).padStart(5, '0'));
    const { items, pages, count } = pagesOf(storeOf(texts), { ...everything, content: 'count' });
    expect({ items, pages, count }).toEqual({ items: [], pages: 2, count: 5_000 });
  });

  it('have metadata and deadline with the value', () => {
    const store = new MapStateStore();
    const body = Buffer.from('1');
    const record = { revision: 9, createRevision: 8, version: 3, contentType: 'a/b', body, expiresAtMs: 77 };
    store.set('\0@k', encodeContent(textKey('k'), record));
    expect(readKeyPage(store, everything).items).toEqual([{ type: 'record', key: textKey('k'), record }]);
  });

  it('end where a range ends before it begins', () => {
    const list = { ...everything, from: textKey('b'), to: textKey('a') };
    expect(readKeyPage(storeOf(['a', 'b']), list)).toEqual({ items: [], count: 0, rest: undefined });
  });
});

describe('a page is bounded', () => {
  const many = Array.from({ length: 3_000 }, (_, at) => String(at).padStart(5, '0'));

  it('in rows, whatever is asked for', () => {
    const page = readKeyPage(storeOf(many), { ...everything, rows: 1e6 });
    expect(page.items).toHaveLength(MAX_LIST_ROWS);
    expect(page.rest).toEqual(Buffer.from(`@00999\0`));
  });

  it('in bytes: what does not fit any more is left, and what never fits is sent without its value', () => {
    const store = storeOf(['a', 'b'], 100);
    add(store, textKey('c'), 5_000);
    add(store, textKey('d'), 100);
    const typesOf = (list: Partial<List>): string[] =>
      readKeyPage(store, { ...everything, bytes: 400, ...list }).items.map(({ type }) => type);
    expect(typesOf({})).toEqual(['record', 'record']);
    expect(typesOf({ from: textKey('c') })).toEqual(['deferred']);
    expect(typesOf({ from: textKey('c'), rows: 1, bytes: 10_000 })).toEqual(['record']);
    expect(pagesOf(store, { ...everything, bytes: 400 }).items).toEqual(['@a', '@b', '@c', '@d']);
    expect(pagesOf(store, { ...everything, bytes: 400, reverse: true }).items).toEqual(['@d', '@c', '@b', '@a']);
  });

  it('in work: groups are skipped, not read', () => {
    const texts = ['x', 'y', 'z'].flatMap((folder) => many.map((text) => `${folder}/${text}`));
    const inner = storeOf(texts);
    let rowsRead = 0;
    const counting = {
      range(range: RowRange, bounds: PageBounds): RowPage {
        const page = inner.range(range, bounds);
        rowsRead += page.rows.length;
        return page;
      },
    };
    const grouping = { prefixBytes: 1, delimiter: Buffer.from('/') };
    const page = readKeyPage(counting, { ...everything, grouping });
    expect(page.items.map(shown)).toEqual(['~@x/', '~@y/', '~@z/']);
    expect(rowsRead).toBeLessThan(40);
  });

  it('in reads: a page may have something left and no item', () => {
    const nothing = { range: (range: RowRange): RowPage => new PageBuilder(range, { rows: 1, bytes: 1 }).full('\0@q') };
    for (const reverse of [false, true]) {
      const page = readKeyPage(nothing, { ...everything, reverse });
      expect(page.items).toEqual([]);
      expect(page.rest).toEqual(Buffer.from(reverse ? '@q' : '@q\0'));
    }
  });
});
