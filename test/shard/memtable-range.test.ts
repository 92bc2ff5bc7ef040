/** Rows of a memtable in order, next to a plain map: over rows in memory, sealed and durable, while all of them change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EVERYTHING, NO_BOUNDS, intersection } from '../../src/raft/storage/row-range.js';
import { StateRowWriter } from '../../src/raft/storage/state/state-rows.js';
import type { PageBounds, RowPage, RowRange } from '../../src/raft/index.js';
import { MemoryDisk, MemoryStorage } from '../../src/shard/index.js';
import { KeyOrder } from '../../src/shard/machine/key-order.js';
import { Memtable } from '../../src/shard/machine/memtable.js';
import { MOST_SKIPPED } from '../../src/shard/machine/row-cursors.js';
import type { RowView } from '../../src/shard/machine/row-view.js';
import { RowCache } from '../../src/shard/machine/row-cache.js';

const configuration = { voters: [1], votersOutgoing: [], learners: [] };
const GROUP = 1;

/** One group's memtable on a disk that becomes durable when it is told to, and the same rows in a map. */
class Table {
  readonly model = new Map<string, string>();
  /** Ranges that were read from the disk. */
  readonly durableReads: RowRange[] = [];
  readonly table: Memtable;
  readonly #storage: MemoryStorage;
  #syncs: (() => void)[] = [];
  #checkpoint: Promise<void> | undefined;
  #view: { view: RowView; model: ReadonlyMap<string, string>; range: RowRange } | undefined;
  #index = 0;

  private constructor(storage: MemoryStorage) {
    this.#storage = storage;
    const read = storage.range.bind(storage);
    storage.range = (group, range, bounds) => {
      this.durableReads.push(range);
      return read(group, range, bounds);
    };
    this.table = new Memtable(storage, GROUP, new RowCache(1_000));
  }

  static async open(): Promise<Table> {
    const disk = new MemoryDisk();
    const storage = new MemoryStorage(disk, { defer: (task) => table.#syncs.push(task) });
    await storage.open();
    const table: Table = new Table(storage);
    return table;
  }

  set(key: string, value: string): void {
    this.table.set(key, Buffer.from(value));
    this.model.set(key, value);
  }

  delete(key: string): void {
    this.table.delete(key);
    this.model.delete(key);
  }

  seal(): void {
    if (this.#checkpoint !== undefined) return;
    const meta = { index: ++this.#index, term: 1, configuration };
    const rows = [...this.table.seal()];
    const keys = rows.map(([key]) => key);
    expect(keys).toEqual([...keys].sort());
    this.#checkpoint = this.#storage.checkpoint([{ group: GROUP, meta, rows }]);
  }

  /** The sealed rows become durable; the memtable still has them. */
  land(): void {
    for (const task of this.#syncs.splice(0)) task();
  }

  async release(): Promise<void> {
    if (this.#checkpoint === undefined) return;
    this.land();
    await this.#checkpoint;
    this.#checkpoint = undefined;
    this.table.release();
  }

  async checkpoint(): Promise<void> {
    await this.release();
    this.seal();
    await this.release();
  }

  async install(keys: readonly string[]): Promise<void> {
    await this.release();
    const writer = new StateRowWriter();
    this.model.clear();
    for (const key of keys) {
      writer.add(key, Buffer.from('installed'));
      this.model.set(key, 'installed');
    }
    await this.#storage.stageChunk(GROUP, 0, writer.take());
    const installed = this.#storage.install(GROUP, { index: ++this.#index, term: 1, configuration }, undefined);
    this.land();
    await installed;
    this.table.clear();
  }

  wanted({ from, to, reverse, keysOnly }: RowRange, model: ReadonlyMap<string, string> = this.model) {
    const rows = [...model]
      .filter(([key]) => key >= from && (to === undefined || key < to))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [key, keysOnly === true ? '' : value] as const);
    return reverse === true ? rows.reverse() : rows;
  }

  /** Reads a page: with what is left behind it, it is the whole range. */
  read(range: RowRange, bounds: PageBounds): RowPage {
    return this.#checked(this.table.range(range, bounds), range, bounds, this.model);
  }

  openView(range: RowRange): void {
    this.closeView();
    this.#view = { view: this.table.openView(range), model: new Map(this.model), range };
  }

  closeView(): void {
    this.#view?.view.close();
    this.#view = undefined;
  }

  /** Reads a page of the open view. */
  readView(range: RowRange, bounds: PageBounds): void {
    if (this.#view === undefined) return;
    const { view, model, range: whole } = this.#view;
    this.#checked(view.range(range, bounds), intersection(range, whole), bounds, model);
  }

  #checked(page: RowPage, range: RowRange, bounds: PageBounds, model: ReadonlyMap<string, string>): RowPage {
    const rows = page.rows.map(([key, value]) => [key, Buffer.from(value).toString()] as const);
    expect([...rows, ...(page.rest === undefined ? [] : this.wanted(page.rest, model))]).toEqual(
      this.wanted(range, model),
    );
    expect(rows.length).toBeLessThanOrEqual(bounds.rows);
    const bytes = rows.slice(0, -1).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
    if (rows.length > 0) expect(bytes).toBeLessThan(bounds.bytes);
    const { rest } = page;
    if (rest !== undefined) expect([rest.reverse, rest.keysOnly]).toEqual([range.reverse, range.keysOnly]);
    return page;
  }
}

/** All spaces of rows that the table treats differently, and their neighbours. */
const SPACES = ['\0', '\u0003', '\u0003\xff', '\u0004', '\u0004\0', '\u0005', '\xff'];
const key = fc
  .tuple(fc.constantFrom(...SPACES), fc.constantFrom('', '\0', 'a', 'a\0', 'b', '\xff'))
  .map((parts) => parts.join(''));
const range: fc.Arbitrary<RowRange> = fc.oneof(
  fc.record({ from: key, to: fc.option(key, { nil: undefined }), reverse: fc.boolean(), keysOnly: fc.boolean() }),
  fc.record({ from: fc.constantFrom('\u0004', '\u0004\0'), to: fc.oneof(key, fc.constant('\u0005')) }),
  fc.constant(EVERYTHING),
);
const bounds = fc.record({ rows: fc.constantFrom(1, 2, 3, 10, Infinity), bytes: fc.constantFrom(1, 9, 30, Infinity) });

const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant('set' as const), key }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('seal', 'land', 'release', 'checkpoint' as const) }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('read' as const), range, bounds }) },
  // The next page of a read that began earlier; other steps come between its pages.
  { weight: 8, arbitrary: fc.record({ type: fc.constant('continue' as const), bounds }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('open-view' as const), range }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('close-view' as const) }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('read-view' as const), range, bounds }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('install' as const), keys: fc.uniqueArray(key) }) },
);

describe('rows in order', () => {
  it('are those of a sorted map, however they are spread over memory and disk, page by page', async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const table = await Table.open();
      let rest: RowRange | undefined;
      for (const [at, s] of steps.entries()) {
        switch (s.type) {
          case 'set':
            table.set(s.key, String(at));
            break;
          case 'delete':
            table.delete(s.key);
            break;
          case 'read':
            rest = table.read(s.range, s.bounds).rest;
            break;
          case 'continue':
            if (rest !== undefined) rest = table.read(rest, s.bounds).rest;
            break;
          case 'open-view':
            table.openView(s.range);
            break;
          case 'close-view':
            table.closeView();
            break;
          case 'read-view':
            table.readView(s.range, s.bounds);
            break;
          case 'install':
            await table.install(s.keys);
            break;
          case 'seal':
          case 'land':
          case 'release':
          case 'checkpoint':
            await table[s.type]();
        }
      }
      table.readView(EVERYTHING, NO_BOUNDS);
      for (const reverse of [false, true]) table.read({ ...EVERYTHING, reverse }, NO_BOUNDS);
    });
    await fc.assert(property, { numRuns: 600 });
  });

  it('of each layer are found once, where the newest layer has its say', async () => {
    const table = await Table.open();
    for (const key of ['a', 'b', 'c', 'd', 'e']) table.set(key, 'durable');
    await table.checkpoint();
    table.set('b', 'sealed');
    table.delete('c');
    table.set('ca', 'sealed');
    table.seal();
    table.set('d', 'active');
    table.set('c', 'back');
    table.delete('ca');
    const all = ['a', 'b', 'c', 'd', 'e'];
    for (const [reverse, wanted] of [[false, all] as const, [true, [...all].reverse()] as const]) {
      let read: string[] = [];
      for (let rest: RowRange | undefined = { ...EVERYTHING, reverse }; rest !== undefined;) {
        const page: RowPage = table.read(rest, { rows: 1, bytes: Infinity });
        read = [...read, ...page.rows.map(([key]) => key)];
        rest = page.rest;
      }
      expect(read).toEqual(wanted);
    }
    expect(table.read({ from: 'a', to: undefined }, { rows: 5, bytes: Infinity }).rest).toBeUndefined();
  });

  it('behind very many deleted rows are found by the page after, which goes on from there', async () => {
    const table = await Table.open();
    const keys = Array.from({ length: 2 * MOST_SKIPPED }, (_, i) => `k${String(i).padStart(6, '0')}`);
    for (const key of keys) table.set(key, '');
    await table.checkpoint();
    for (const key of keys) table.delete(key);
    table.set('l', 'last');
    const first = table.read(EVERYTHING, { rows: 5, bytes: 100 });
    expect(first.rows).toEqual([]);
    const second = table.read(first.rest!, { rows: 5, bytes: 100 });
    const third = table.read(second.rest!, { rows: 5, bytes: 100 });
    expect([second.rows.length, third.rows.length, third.rest]).toEqual([0, 1, undefined]);
  });
});

describe('the expiry index', () => {
  const deadline = (ms: number): string => `\u0004${String(ms).padStart(6, '0')}`;
  const due = (ms: number): RowRange => ({ from: '\u0004', to: deadline(ms) });

  it('is not read again where everything has expired, until something is due earlier', async () => {
    const table = await Table.open();
    for (let ms = 0; ms < 1_000; ms++) table.set(deadline(ms), '');
    table.set('\0key', 'other');
    await table.checkpoint();
    for (let ms = 0; ms < 900; ms++) table.delete(deadline(ms));
    expect(table.read(due(950), { rows: 3, bytes: Infinity }).rows.length).toBe(3);
    table.durableReads.length = 0;
    table.read(due(950), { rows: 3, bytes: Infinity });
    expect(table.durableReads).toEqual([{ from: deadline(900), to: deadline(950) }]);
    // Nothing is due: not even the disk is asked.
    table.durableReads.length = 0;
    expect(table.read(due(10), NO_BOUNDS)).toEqual({ rows: [], rest: undefined });
    expect(table.durableReads).toEqual([]);
    table.set(deadline(5), '');
    expect(table.read(due(10), NO_BOUNDS).rows.map(([key]) => key)).toEqual([deadline(5)]);
    await table.install([deadline(3)]);
    expect(table.read(due(10), NO_BOUNDS).rows.map(([key]) => key)).toEqual([deadline(3)]);
  });

  it('is read from the first row on that is left, as those before are deleted in order', async () => {
    const table = await Table.open();
    for (let ms = 0; ms < 40; ms++) table.set(deadline(ms), '');
    await table.checkpoint();
    const ten = { rows: 10, bytes: Infinity };
    expect(table.read(due(40), ten).rows.length).toBe(10);
    for (let ms = 0; ms < 10; ms++) table.delete(deadline(ms));
    table.durableReads.length = 0;
    expect(table.read(due(40), ten).rows.map(([key]) => key)).toEqual(tenFrom(10));
    expect(table.durableReads).toEqual([{ from: `${deadline(9)}\0`, to: deadline(40) }]);
    // One stays, and another one comes between: nothing before the one that stays is read, and none is missed.
    for (let ms = 10; ms < 20; ms++) if (ms !== 15) table.delete(deadline(ms));
    table.durableReads.length = 0;
    const between = `${deadline(17)}x`;
    table.set(between, '');
    const found = table.read(due(40), ten).rows.map(([key]) => key);
    expect(found.slice(0, 3)).toEqual([deadline(15), between, deadline(20)]);
    expect(table.durableReads[0]).toEqual({ from: deadline(15), to: deadline(40) });
    const later = `${deadline(22)}x`;
    table.set(later, '');
    for (const key of found) table.delete(key);
    expect(
      table
        .read(due(40), ten)
        .rows.slice(0, 2)
        .map(([key]) => key),
    ).toEqual([later, deadline(28)]);
  });

  const tenFrom = (from: number): string[] => Array.from({ length: 10 }, (_, i) => deadline(from + i));
});

describe('the order of keys', () => {
  it('has every key once, in few sorted runs, whenever it is asked for', () => {
    const batches = fc.array(fc.array(fc.string({ unit: 'binary-ascii', maxLength: 3 }), { maxLength: 60 }), {
      maxLength: 30,
    });
    const property = fc.property(batches, fc.boolean(), (added, inOneRun) => {
      const map = new Map<string, number>();
      const order = new KeyOrder(map);
      for (const batch of added) {
        for (const each of batch) map.set(each, 1);
        const runs = inOneRun ? [order.all()] : order.runs();
        for (const run of runs) expect(run).toEqual([...run].sort());
        expect(runs.flat().sort()).toEqual([...map.keys()].sort());
        expect(runs.length).toBeLessThanOrEqual(1 + Math.log2(Math.max(1, map.size)));
      }
      expect(order.all()).toEqual([...map.keys()].sort());
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('leaves long runs as they are, and has them all together when one run is wanted', () => {
    const map = new Map<string, number>();
    const order = new KeyOrder(map);
    for (let i = 0; i < 60_000; i++) {
      map.set(String((i * 7_919) % 60_013), i);
      if (i % 10_000 === 0) order.runs();
    }
    expect(order.runs().length).toBeGreaterThan(2);
    expect(order.runs().length).toBeLessThan(12);
    const keys = [...map.keys()].sort();
    expect(order.runs().flat().sort()).toEqual(keys);
    expect(order.all()).toEqual(keys);
    map.set('', 0);
    expect(order.all()[0]).toBe('');
  });
});
