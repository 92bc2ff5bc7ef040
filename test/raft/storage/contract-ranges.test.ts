/** Ranges of the durable state: what every storage owes to who reads rows in order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EVERYTHING, NO_BOUNDS, prefixRange } from '../../../src/raft/storage/index.js';
import type { PageBounds, RowRange, Storage } from '../../../src/raft/storage/index.js';
import { describeEachStorage } from './support/bench.js';
import { meta, row, text } from './support/builders.js';

const KEYS = ['', '\0', 'a', 'a\0', 'ab', 'a\xff', 'b', '\xff', '\xff\xff', '\xff\xffz'];

async function fill(storage: Storage): Promise<void> {
  const rows = (group: number, keys: readonly string[]) => ({
    group,
    meta: meta(1),
    rows: keys.map((key) => row(key, `${group} ${key}`)),
  });
  // In neighbouring slots, for where a range has no end or no beginning.
  await storage.checkpoint([rows(1, ['', 'neighbour', '\xff\xff\xff']), rows(2, [...KEYS].reverse())]);
  await storage.checkpoint([rows(3, ['', 'neighbour', '\xff\xff\xff'])]);
}

const keysIn = (storage: Storage, range: RowRange, bounds: PageBounds = NO_BOUNDS): string[] =>
  storage.range(2, range, bounds).rows.map(([key]) => key);

/** All pages of a range, one after the other. */
function* pages(storage: Storage, range: RowRange, bounds: PageBounds): Generator<readonly string[]> {
  for (let rest: RowRange | undefined = range; rest !== undefined;) {
    const page = storage.range(2, rest, bounds);
    yield page.rows.map(([key]) => key);
    rest = page.rest;
  }
}

const key = fc.oneof(
  fc.constantFrom(...KEYS),
  fc.string({ unit: fc.constantFrom('\0', 'a', 'b', '\xff'), maxLength: 3 }),
);

describeEachStorage('ranges', (bench) => {
  it('are in byte order, with the first bound and without the second', async () => {
    const { storage } = bench();
    await fill(storage);
    expect(keysIn(storage, EVERYTHING)).toEqual(KEYS);
    expect(keysIn(storage, { from: 'a', to: 'b' })).toEqual(['a', 'a\0', 'ab', 'a\xff']);
    expect(keysIn(storage, { from: 'a\0', to: 'a\0' })).toEqual([]);
    expect(keysIn(storage, { from: 'b', to: 'a' })).toEqual([]);
    expect(keysIn(storage, { from: 'zz', to: undefined })).toEqual(['\xff', '\xff\xff', '\xff\xffz']);
    expect(keysIn(storage, prefixRange('a'))).toEqual(['a', 'a\0', 'ab', 'a\xff']);
    expect(keysIn(storage, prefixRange('\xff\xff'))).toEqual(['\xff\xff', '\xff\xffz']);
    expect(keysIn(storage, prefixRange(''))).toEqual(KEYS);
    expect(storage.range(4, EVERYTHING, NO_BOUNDS)).toEqual({ rows: [], rest: undefined });
  });

  it('in reverse are the same rows, the last one first', async () => {
    const { storage } = bench();
    await fill(storage);
    expect(keysIn(storage, { ...EVERYTHING, reverse: true })).toEqual([...KEYS].reverse());
    expect(keysIn(storage, { from: 'a', to: 'b', reverse: true })).toEqual(['a\xff', 'ab', 'a\0', 'a']);
    expect(keysIn(storage, { from: '\xff\xffz', to: undefined, reverse: true })).toEqual(['\xff\xffz']);
    expect(keysIn(storage, { from: '', to: '\0', reverse: true })).toEqual(['']);
    expect(keysIn(storage, { from: '', to: '', reverse: true })).toEqual([]);
  });

  it('have the values, or none where only keys are wanted', async () => {
    const { storage } = bench();
    await fill(storage);
    const read = (keysOnly: boolean) =>
      storage.range(2, { from: 'ab', to: 'b', keysOnly }, NO_BOUNDS).rows.map(([name, value]) => [name, text(value)]);
    expect(read(false)).toEqual([
      ['ab', '2 ab'],
      ['a\xff', '2 a\xff'],
    ]);
    expect(read(true)).toEqual([
      ['ab', ''],
      ['a\xff', ''],
    ]);
  });

  it('are read up to a bound of rows or bytes, and then from there on', async () => {
    const { storage } = bench();
    await fill(storage);
    const first = storage.range(2, { from: 'a', to: 'b' }, { rows: 3, bytes: Infinity });
    expect([first.rows.length, first.rest]).toEqual([3, { from: 'ab\0', to: 'b' }]);
    expect(keysIn(storage, EVERYTHING, { rows: 0, bytes: 100 })).toEqual([]);
    const all = storage.range(2, { from: 'a', to: 'b' }, { rows: 4, bytes: Infinity });
    expect([all.rows.length, all.rest]).toEqual([4, undefined]);
    // Each of the first rows has at least three bytes: the one that reaches the bound is still in.
    expect(keysIn(storage, { from: 'a', to: 'b' }, { rows: 100, bytes: 1 })).toEqual(['a']);
    expect(keysIn(storage, { from: 'a', to: 'b' }, { rows: 100, bytes: 5 })).toEqual(['a', 'a\0']);
    // Where values are not read, they do not count.
    expect(keysIn(storage, { from: 'a', to: 'b', keysOnly: true }, { rows: 100, bytes: 4 })).toEqual([
      'a',
      'a\0',
      'ab',
    ]);
  });

  it('page by page are what they are at once: no key is missing, none comes twice', async () => {
    const { storage } = bench();
    await fill(storage);
    const property = fc.property(
      key,
      fc.option(key, { nil: undefined }),
      fc.boolean(),
      fc.boolean(),
      fc.record({ rows: fc.integer({ min: 1, max: 4 }), bytes: fc.constantFrom(1, 8, Infinity) }),
      (from, to, reverse, keysOnly, bounds) => {
        const wanted = KEYS.filter((each) => each >= from && (to === undefined || each < to));
        if (reverse) wanted.reverse();
        const read = [...pages(storage, { from, to, reverse, keysOnly }, bounds)];
        expect(read.flat()).toEqual(wanted);
        for (const page of read.slice(0, -1)) expect(page.length).toBeGreaterThan(0);
        for (const page of read) expect(page.length).toBeLessThanOrEqual(bounds.rows);
      },
    );
    fc.assert(property, { numRuns: 200 });
  });
});
