import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { MemoryDisk, MemoryStorage } from '../../src/shard/index.js';
import { PageCache } from '../../src/shard/machine/page-cache.js';
import { RowCache, type HeldRow } from '../../src/shard/machine/row-cache.js';
import { Memtable } from '../../src/shard/machine/memtable.js';
import type { PageBounds, RowPage, RowRange } from '../../src/raft/index.js';

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const durable = (value: Uint8Array): HeldRow => ({ value, layer: 0 });
const configuration = { voters: [1], votersOutgoing: [], learners: [] };

describe('recent rows', () => {
  it('keep what is used at least once a generation, and drop the rest', () => {
    const recent = new RowCache(2_000);
    recent.of(1).set('hot', durable(bytes(10)));
    recent.of(1).set('cold', durable(bytes(10)));
    for (let i = 0; i < 30; i++) {
      recent.of(2).set(`filler-${i}`, durable(bytes(100)));
      expect(recent.of(1).get('hot')?.value).toEqual(bytes(10));
    }
    expect(recent.of(1).get('cold')?.value).toBeUndefined();
  });

  it('stay within their bound', () => {
    const recent = new RowCache(2_000);
    for (let i = 0; i < 1_000; i++) recent.of(i % 3).set(`key-${i}`, durable(bytes(36)));
    const held = Array.from({ length: 1_000 }, (_, i) => recent.of(i % 3).get(`key-${i}`)?.value).filter(
      (row) => row !== undefined,
    );
    expect(held.length * 147).toBeLessThanOrEqual(2_000);
    expect(held.length).toBeGreaterThan(5);
  });

  it('count a row that is replaced, deleted or cleared only once', () => {
    const recent = new RowCache(2_000);
    recent.of(1).set('stays', durable(bytes(10)));
    for (let i = 0; i < 100; i++) {
      recent.of(1).set('key', durable(bytes(i)));
      recent.of(1).delete('key');
      recent.of(2).set('other', durable(bytes(i)));
      recent.of(2).set('other', durable(bytes(100 - i)));
      recent.clear(2);
    }
    recent.of(1).set('last', durable(bytes(800)));
    expect(recent.of(1).get('stays')?.value).toEqual(bytes(10));
  });

  it('are replaced in place only as the last that was asked for, in its layer, and as long as they are there', () => {
    const recent = new RowCache(2_000);
    const rows = recent.of(1);
    const row: HeldRow = { value: bytes(10), layer: 3 };
    rows.set('key', row);
    expect(rows.replaceLast('key', 4, bytes(1))).toBe(false);
    expect(rows.replaceLast('key', 3, bytes(2))).toBe(true);
    expect(row.value).toEqual(bytes(2));
    rows.get('other');
    expect(rows.replaceLast('key', 3, bytes(1))).toBe(false);
    rows.get('key');
    expect(rows.replaceLast('key', 3, bytes(4))).toBe(true);
    recent.clear(1);
    expect(rows.replaceLast('key', 3, bytes(1))).toBe(false);
    expect(row.value).toEqual(bytes(4));
  });

  it('count as many bytes as they have after they were replaced', () => {
    const keptBeside = (length: number): boolean => {
      const recent = new RowCache(2_000);
      recent.of(1).set('before', durable(bytes(10)));
      recent.of(1).set('key', durable(bytes(500)));
      expect(recent.of(1).replaceLast('key', 0, bytes(length))).toBe(true);
      recent.of(1).set('large', durable(bytes(900)));
      return recent.of(1).get('before') !== undefined;
    };
    // With 900 bytes the generation is full before the large row comes, which fills another one.
    expect([900, 10].map(keptBeside)).toEqual([false, true]);
  });

  it('of nothing are none', () => {
    const recent = new RowCache(0);
    recent.of(1).set('key', durable(bytes(1)));
    expect(recent.of(1).get('key')?.value).toBeUndefined();
  });
});

describe('a table with recent rows', () => {
  type Step = readonly ['set' | 'delete' | 'get' | 'checkpoint', number, number];
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom('set', 'set', 'delete', 'get', 'get', 'checkpoint'),
    fc.integer({ min: 0, max: 7 }),
    fc.integer({ min: 0, max: 40 }),
  );

  it('reads the latest value, whether it is cached, flushed or evicted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.constantFrom(0, 300, 100_000),
        async (steps, maxBytes) => {
          const storage = new MemoryStorage(new MemoryDisk());
          await storage.open();
          const table = new Memtable(storage, 1, new RowCache(maxBytes));
          const model = new Map<string, Uint8Array>();
          let index = 0;
          for (const [what, which, length] of steps) {
            const key = `key-${which}`;
            if (what === 'set') {
              table.set(key, bytes(length));
              model.set(key, bytes(length));
            } else if (what === 'delete') {
              table.delete(key);
              model.delete(key);
            } else if (what === 'checkpoint') {
              const meta = { index: ++index, term: 1, configuration };
              await storage.commit([
                {
                  group: 1,
                  hardState: { term: 1, vote: 1, commit: index },
                  entries: [{ index, term: 1, kind: 0, data: bytes(0) }],
                },
              ]);
              await storage.checkpoint([{ group: 1, meta, rows: table.seal() }]);
              table.release();
            }
            expect(table.get(key)).toEqual(model.get(key));
          }
          await storage.close();
        },
      ),
      { numRuns: 200 },
    );
  });

  it('hands rows to a checkpoint in key order, deletions included, as often as asked', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const table = new Memtable(storage, 1, new RowCache(0));
    for (const key of ['b', '\u00ff', 'a', 'b\0', 'ab']) table.set(key, bytes(1));
    table.delete('aa');
    const rows = table.seal();
    // Byte order, as in the durable state.
    const keys = ['a', 'aa', 'ab', 'b', 'b\0', '\u00ff'];
    expect([...rows].map(([key]) => key)).toEqual(keys);
    expect([...rows].map(([, value]) => value === undefined)).toEqual(keys.map((key) => key === 'aa'));
    await storage.close();
  });

  it('does not take rows of an earlier table of the group for its own', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const recent = new RowCache(1_000);
    const before = new Memtable(storage, 1, recent);
    before.set('key', bytes(1));
    const table = new Memtable(storage, 1, recent);
    expect(table.get('key')).toBeUndefined();
    table.set('key', bytes(2));
    expect([...table.seal()]).toEqual([['key', bytes(2)]]);
    await storage.close();
  });

  it('drops them when the state is replaced', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const table = new Memtable(storage, 1, new RowCache(1_000));
    table.set('key', bytes(1));
    table.clear();
    expect(table.get('key')).toBeUndefined();
    await storage.close();
  });
});

describe('recent pages of durable rows', () => {
  const range: RowRange = { from: 'a', to: 'z' };
  const bounds: PageBounds = { rows: 10, bytes: 1_000 };
  const pageOf = (length: number): RowPage => ({ rows: [['key', bytes(length)]], rest: undefined });

  /** Reads pages of rows of `length` bytes, and counts how often. */
  class Source {
    reads = 0;
    constructor(readonly length: number) {}
    readonly read = (): RowPage => {
      this.reads += 1;
      return pageOf(this.length);
    };
  }

  it('are read again only after their group has changed', () => {
    const recent = new RowCache(16_000);
    const [before, after] = [new Source(1), new Source(2)];
    for (let i = 0; i < 3; i++) expect(recent.pages.read(1, range, bounds, before.read)).toEqual(pageOf(1));
    expect(before.reads).toBe(1);
    recent.pages.clear(2);
    expect(recent.pages.read(1, range, bounds, after.read)).toEqual(pageOf(1));
    recent.pages.clear(1);
    expect(recent.pages.read(1, range, bounds, after.read)).toEqual(pageOf(2));
    recent.clear(1);
    expect(recent.pages.read(1, range, bounds, before.read)).toEqual(pageOf(1));
  });

  it('are not taken for others', () => {
    const recent = new RowCache(100_000);
    const others: [group: number, range: RowRange, bounds: PageBounds][] = [
      [1, range, bounds],
      [2, range, bounds],
      [1, { ...range, reverse: true }, bounds],
      [1, { ...range, keysOnly: true }, bounds],
      [1, { from: 'az', to: '' }, bounds],
      [1, { from: 'az', to: undefined }, bounds],
      [1, range, { ...bounds, rows: 11 }],
      [1, range, { ...bounds, bytes: 999 }],
    ];
    for (const [at, asked] of others.entries())
      expect(recent.pages.read(...asked, new Source(at).read)).toEqual(pageOf(at));
    for (const [at, asked] of others.entries())
      expect(recent.pages.read(...asked, new Source(99).read)).toEqual(pageOf(at));
  });

  it('are not kept if they are long, nor without a bound', () => {
    const [many, long, none] = [new Source(1), new Source(70_000), new Source(1)];
    const recent = new RowCache(1_000_000);
    const empty = new RowCache(0);
    for (let i = 0; i < 2; i++) {
      recent.pages.read(1, range, { ...bounds, rows: 65 }, many.read);
      recent.pages.read(1, range, bounds, long.read);
      empty.pages.read(1, range, bounds, none.read);
    }
    expect([many.reads, long.reads, none.reads]).toEqual([2, 2, 2]);
  });

  it('stay if they are used once a generation, and push out no rows', () => {
    const recent = new RowCache(16_000);
    const [hot, cold] = [new Source(10), new Source(10)];
    recent.of(2).set('row', durable(bytes(10)));
    recent.pages.read(1, { from: 'cold', to: 'd' }, bounds, cold.read);
    for (let i = 0; i < 300; i++) {
      recent.pages.read(2, { from: `filler-${i}`, to: 'g' }, bounds, new Source(100).read);
      recent.pages.read(1, range, bounds, hot.read);
    }
    recent.pages.read(1, { from: 'cold', to: 'd' }, bounds, cold.read);
    expect([hot.reads, cold.reads]).toEqual([1, 2]);
    expect(recent.of(2).get('row')?.value).toEqual(bytes(10));
  });

  it('count only as long as they are kept', () => {
    const pages = new PageCache(2_000);
    const stays = new Source(10);
    pages.read(1, range, bounds, stays.read);
    for (let i = 0; i < 100; i++) {
      pages.read(2, range, bounds, new Source(100).read);
      pages.clear(2);
    }
    pages.read(1, range, bounds, stays.read);
    expect(stays.reads).toBe(1);
  });

  it('are not kept of the expiry index, of which each is asked for once', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    let reads = 0;
    const range = storage.range.bind(storage);
    storage.range = (...asked) => {
      reads += 1;
      return range(...asked);
    };
    const table = new Memtable(storage, 1, new RowCache(100_000));
    for (let i = 0; i < 3; i++) table.range({ from: '\u00041', to: '\u00049' }, bounds);
    expect(reads).toBe(3);
    for (let i = 0; i < 3; i++) table.range({ from: '\u00001', to: '\u00009' }, bounds);
    expect(reads).toBe(4);
    await storage.close();
  });

  it('are read again by a table once its checkpoint is durable', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const table = new Memtable(storage, 1, new RowCache(100_000));
    const shown = (): unknown[] => table.range(range, bounds).rows.map(([key, value]) => [key, value.length]);
    for (let index = 1; index < 4; index++) {
      table.set('key', bytes(index));
      table.set(`key-${index}`, bytes(index));
      const rows = [...table.seal()];
      shown();
      await storage.checkpoint([{ group: 1, meta: { index, term: 1, configuration }, rows }]);
      table.release();
      const others = Array.from({ length: index }, (_, at) => [`key-${at + 1}`, at + 1]);
      expect(shown()).toEqual([['key', index], ...others]);
    }
    await storage.close();
  });
});
