/** Pages of a range over several shards: against a sorted array, under writes, with long values, and counted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countKeys, MAX_PAGE_BYTES, readPage, type Page, type PageQuery } from '../../src/router/dispatch/list-page.js';
import { refuse } from '../../src/shard/errors.js';
import { behindKey, FIRST_KEY, shardOfKey, stringKey } from '../../src/shard/index.js';
import { ListedShards } from '../support/listed-shards.js';

const queryOf = (shards: ListedShards, query: Partial<PageQuery> = {}): PageQuery => ({
  shards: shards.numbers,
  from: FIRST_KEY,
  to: undefined,
  reverse: false,
  content: 'values',
  grouping: undefined,
  consistency: 'linearizable',
  limit: 10,
  ...query,
});

async function pageOf(shards: ListedShards, query: PageQuery): Promise<Page> {
  const page = await readPage(shards.ask, query);
  if (page.type !== 'page') throw new Error(page.refusal.message);
  return page;
}

const shown = ({ items }: Page): string[] =>
  items.map(({ item }) => (item.type === 'prefix' ? '~' : '') + Buffer.from(item.key.subarray(1)).toString());

const behind = (query: PageQuery, rest: Uint8Array): PageQuery =>
  query.reverse ? { ...query, to: rest } : { ...query, from: rest };

/** Follows the pages to the end. */
async function scan(shards: ListedShards, query: PageQuery) {
  const pages: Page[] = [];
  for (let left: PageQuery | undefined = query; left !== undefined;) {
    const page: Page = await pageOf(shards, left);
    pages.push(page);
    left = page.rest && behind(left, page.rest);
    if (pages.length > 1_000) throw new Error('the pages do not end');
  }
  return pages;
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 5 });

function expected(keys: Iterable<string>, delimiter: string | undefined, reverse: boolean): string[] {
  const items = [...new Set(keys)].sort().map((key) => {
    const at = delimiter === undefined ? -1 : key.indexOf(delimiter);
    return at < 0 ? key : `~${key.slice(0, at + 1)}`;
  });
  const rows = [...new Set(items)];
  return reverse ? rows.reverse() : rows;
}

describe('a scan by pages', () => {
  it('has each key once, in the order of keys over all shards', async () => {
    const inputs = fc.record({
      shards: fc.integer({ min: 1, max: 5 }),
      keys: fc.array(text, { maxLength: 60 }),
      limit: fc.integer({ min: 1, max: 9 }),
      reverse: fc.boolean(),
      delimiter: fc.option(fc.constant('/'), { nil: undefined }),
      content: fc.constantFrom('values' as const, 'keys' as const),
    });
    await fc.assert(
      fc.asyncProperty(inputs, async ({ shards: count, keys, delimiter, ...query }) => {
        const shards = await ListedShards.of(count);
        for (const key of keys) shards.put(stringKey(key));
        const grouping = delimiter === undefined ? undefined : { prefixBytes: 1, delimiter: Buffer.from(delimiter) };
        const pages = await scan(shards, queryOf(shards, { ...query, grouping }));
        expect(pages.flatMap(shown)).toEqual(expected(keys, delimiter, query.reverse));
        for (const page of pages) expect(page.items.length).toBeLessThanOrEqual(query.limit);
      }),
      { numRuns: 300 },
    );
  });

  it('has each key that exists throughout once, whatever is written meanwhile', async () => {
    const inputs = fc.record({
      lasting: fc.uniqueArray(text, { minLength: 1, maxLength: 30 }),
      passing: fc.array(text, { maxLength: 60 }),
      limit: fc.integer({ min: 1, max: 6 }),
      reverse: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(inputs, async ({ lasting, passing, ...query }) => {
        const shards = await ListedShards.of(3);
        for (const key of lasting) shards.put(stringKey(key));
        let at = 0;
        // Between any two answers of shards, too.
        shards.before = () => {
          const key = passing[at++ % Math.max(1, passing.length)];
          if (key === undefined || lasting.includes(key)) return;
          if (at % 3 === 0) shards.delete(stringKey(key));
          else shards.put(stringKey(key));
        };
        const items = (await scan(shards, queryOf(shards, query))).flatMap(shown);
        expect(new Set(items).size).toBe(items.length);
        expect(items.filter((key) => lasting.includes(key))).toEqual(expected(lasting, undefined, query.reverse));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a page', () => {
  it('has what it has of a shard as of one revision: it ends where the shard has changed', async () => {
    const shards = await ListedShards.of(1);
    for (let n = 10; n < 40; n += 1) shards.put(stringKey(String(n)));
    // As if the shard gave a few items at a time.
    const ask: typeof shards.ask = (list) => shards.ask({ ...list, rows: 4 });
    shards.before = () => {
      if (shards.asked.length === 3) shards.put(stringKey('99'));
    };
    const before = shards.revisionOf(0);
    const page = await readPage(ask, queryOf(shards, { limit: 20 }));
    if (page.type !== 'page') throw new Error('failed');
    expect(page.items).toHaveLength(8);
    expect(page.revisions).toEqual(new Map([[0, before]]));
    const next = await readPage(ask, behind(queryOf(shards, { limit: 20 }), page.rest ?? FIRST_KEY));
    if (next.type !== 'page') throw new Error('failed');
    expect(shown(next)).toEqual(Array.from({ length: 20 }, (_, n) => String(18 + n)));
  });

  it('asks each shard for somewhat more than its part, and again only if it runs out', async () => {
    const shards = await ListedShards.of(4);
    for (let n = 0; n < 4_000; n += 1) shards.put(stringKey(String(n)));
    await pageOf(shards, queryOf(shards, { limit: 100 }));
    expect(shards.asked.map(({ rows }) => rows)).toEqual([42, 42, 42, 42]);
  });

  it('asks for no more than the limit, and ends with the last key', async () => {
    const shards = await ListedShards.of(1);
    for (const key of ['a', 'b', 'c']) shards.put(stringKey(key));
    expect((await pageOf(shards, queryOf(shards, { limit: 3 }))).rest).toBeUndefined();
    expect((await pageOf(shards, queryOf(shards, { limit: 2 }))).rest).toEqual(behindKey(stringKey('b')));
  });

  it('is bounded in bytes, and takes a long value when it is due', async () => {
    const shards = await ListedShards.of(3);
    const long = 3 * 1024 * 1024;
    for (const key of ['a', 'b', 'c', 'd', 'e']) shards.put(stringKey(key), long);
    shards.put(stringKey('f'), 12 * 1024 * 1024);
    for (const reverse of [false, true]) {
      const pages = await scan(shards, queryOf(shards, { limit: 100, reverse }));
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      expect(pages.flatMap(shown)).toEqual(reverse ? keys.reverse() : keys);
      for (const { items } of pages) {
        const bytes = items.reduce((sum, { item }) => sum + (item.type === 'record' ? item.record.body.length : 0), 0);
        expect(items.length === 1 || bytes <= MAX_PAGE_BYTES).toBe(true);
        expect(items.every(({ item }) => item.type === 'record')).toBe(true);
      }
    }
  });

  it('ends before a long value whose shard has changed since it was found to have nothing before it', async () => {
    for (const reverse of [false, true]) {
      const shards = await ListedShards.of(2);
      const letters = Array.from({ length: 26 }, (_, at) => String.fromCharCode(97 + at));
      const of = (shard: number): string[] => letters.filter((key) => shardOfKey(stringKey(key), 2) === shard);
      // The long value is in the middle of its shard's keys, and one of the other shard comes before it.
      const [mine, others] = [reverse ? of(0).reverse() : of(0), reverse ? of(1).reverse() : of(1)];
      const [first = '', , , , long = ''] = mine;
      const isBefore = (a: string, b: string): boolean => (reverse ? a > b : a < b);
      const short = others.filter((key) => isBefore(key, long));
      for (const key of short) shards.put(stringKey(key));
      shards.put(stringKey(long), 3 * 1024 * 1024);
      const before = shards.revisionOf(0);
      shards.before = ({ rows }) => {
        if (rows === 1 && shards.revisionOf(0) === before) shards.put(stringKey(first));
      };
      const query = queryOf(shards, { reverse });
      const page = await pageOf(shards, query);
      expect([shown(page), page.revisions.get(0)]).toEqual([short, before]);
      expect(shown(await pageOf(shards, behind(query, page.rest ?? FIRST_KEY)))).toEqual(
        isBefore(first, short.at(-1) ?? '') ? [long] : [first, long],
      );
    }
  });

  it('that begins with a long value has what came before it meanwhile', async () => {
    const shards = await ListedShards.of(1);
    shards.put(stringKey('m'), 3 * 1024 * 1024);
    shards.before = ({ rows }) => {
      if (rows === 1 && shards.revisionOf(0) === 2) shards.put(stringKey('a'));
    };
    const page = await pageOf(shards, queryOf(shards));
    expect([shown(page), page.revisions.get(0)]).toEqual([['a', 'm'], 3]);
  });

  it('fails as a whole when a shard refuses', async () => {
    const shards = await ListedShards.of(2);
    const answer = refuse('no-leader', undefined, { shard: 1 });
    const ask: typeof shards.ask = (list) =>
      list.shard === 1 ? Promise.resolve({ answer, term: 0, servedBy: 0, shard: 1 }) : shards.ask(list);
    expect(await readPage(ask, queryOf(shards))).toMatchObject({ type: 'failed', refusal: { code: 'no-leader' } });
    expect(await countKeys(ask, queryOf(shards))).toMatchObject({ type: 'failed', refusal: { code: 'no-leader' } });
  });
});

describe('a count', () => {
  it('goes on page by page, over all shards', async () => {
    const shards = await ListedShards.of(2);
    for (let n = 0; n < 9_000; n += 1) shards.put(stringKey(String(n)));
    const counted = await countKeys(shards.ask, queryOf(shards));
    expect(counted).toMatchObject({ type: 'count', count: 9_000 });
    expect(shards.asked.length).toBe(4);
    expect(shardOfKey(stringKey('0'), 2)).toBeLessThan(2);
  });
});
