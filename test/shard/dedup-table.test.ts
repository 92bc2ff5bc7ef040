import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { StorageCorruption } from '../../src/raft/index.js';
import { AnswerKind, DedupTable, type DedupTableState } from '../../src/shard/machine/dedup-table.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { DedupIndex } from '../../src/shard/machine/dedup-index.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { putEntry, v4Id, v7Id } from '../support/commands.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const EMPTY: DedupTableState = { head: 0, tail: 0, evictionWatermarkMs: 0, hashHigh: 0, hashLow: 0 };

function tableOf(store: MapStateStore, maxEntries: number, state = EMPTY): DedupTable {
  const table = new DedupTable(store, { space: '\u0001', maxEntries, windowMs: 1000 });
  table.load(state);
  return table;
}
const answer = (n: number) => ({
  kind: AnswerKind.updated,
  revision: n,
  detail: n + 1,
  fingerprintHigh: n * 3,
  fingerprintLow: 2 ** 32 - 1 - n,
});
function insert(table: DedupTable, n: number, timeMs = 0): void {
  table.insert(v4Id(n), 0, timeMs, answer(n));
}

describe('the dedup table', () => {
  it('gives back what it was given, among many', () => {
    const table = tableOf(new MapStateStore(), 5000);
    for (let n = 0; n < 5000; n += 1) insert(table, n);
    for (let n = 0; n < 5000; n += 1) expect(table.find(v4Id(n), 0)).toEqual(answer(n));
    expect(table.find(v4Id(5000), 0)).toBeUndefined();
  });

  it('keeps the latest, however many there were', () => {
    const table = tableOf(new MapStateStore(), 100);
    for (let n = 0; n < 1234; n += 1) insert(table, n);
    expect(table.size).toBe(100);
    expect(table.find(v4Id(1133), 0)).toBeUndefined();
    for (let n = 1134; n < 1234; n += 1) expect(table.find(v4Id(n), 0)).toEqual(answer(n));
  });

  it('has an eviction watermark: the latest id that it may have evicted', () => {
    const table = tableOf(new MapStateStore(), 2);
    for (const timeMs of [50, 90, 70, 80]) table.insert(v7Id(timeMs, 1), 0, 0, answer(1));
    expect([89, 90, 91].map((timeMs) => table.mayHaveEvicted(timeMs))).toEqual([true, true, false]);
  });

  it('writes a row per page, rewrites only pages that changed, and deletes those whose entries were all evicted', () => {
    const store = new MapStateStore();
    const table = tableOf(store, 300);
    const rowsAfter = (to: number): readonly string[] => {
      for (let n = table.state().tail; n < to; n += 1) insert(table, n);
      table.flush();
      return store.keys('\u0001').map((key) => String(Buffer.from(key, 'latin1').readUIntBE(1, 6)));
    };
    expect(rowsAfter(0)).toEqual([]);
    expect(rowsAfter(1)).toEqual(['0']);
    expect(rowsAfter(128)).toEqual(['0']);
    expect(rowsAfter(130)).toEqual(['0', '1']);
    const first = store.get('\u0001\0\0\0\0\0\0');
    expect(rowsAfter(140)).toEqual(['0', '1']);
    expect(store.get('\u0001\0\0\0\0\0\0')).toBe(first);
    expect(rowsAfter(429)).toEqual(['1', '2', '3']);
    // Whole pages come and go between two flushes.
    expect(rowsAfter(5000)).toEqual(['36', '37', '38', '39']);
    table.evictExpired(1000);
    table.flush();
    expect(table.size).toBe(0);
    expect(store.keys('\u0001')).toEqual(['\u0001\0\0\0\0\0\u0027']);
    expect(rowsAfter(5001)).toEqual(['39']);
  });

  it('is restored from its rows after any sequence of operations', () => {
    const action = fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 150 }) }),
      fc.record({ waitMs: fc.integer({ min: 0, max: 700 }) }),
      fc.constant({ flush: true }),
      fc.constant({ reload: true }),
    );
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 30, size: 'max' }),
        fc.integer({ min: 1, max: 400 }),
        (actions, maxEntries) => {
          let store = new MapStateStore();
          let table = tableOf(store, maxEntries);
          const expected: { n: number; timeMs: number }[] = [];
          let nowMs = 0;
          let next = 1;
          for (const each of actions) {
            if ('add' in each) {
              for (let count = 0; count < each.add; count += 1, next += 1) {
                if (expected.length === maxEntries) expected.shift();
                insert(table, next, nowMs);
                expected.push({ n: next, timeMs: nowMs });
              }
            } else if ('waitMs' in each) {
              nowMs += each.waitMs;
              table.evictExpired(nowMs);
              while (expected.length > 0 && expected[0]!.timeMs + 1000 <= nowMs) expected.shift();
            } else {
              table.flush();
              if ('reload' in each) {
                store = store.checkpoint();
                const state = table.state();
                table = tableOf(store, maxEntries, state);
                expect(table.state()).toEqual(state);
              }
            }
            expect(table.size).toBe(expected.length);
            const oldest = expected[0]?.n ?? next;
            expect(table.find(v4Id(oldest - 1), 0)).toBeUndefined();
            for (const { n } of expected) expect(table.find(v4Id(n), 0)).toEqual(answer(n));
            expect(store.alteredRows()).toEqual([]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has a hash of its current content, independent of history', () => {
    const one = tableOf(new MapStateStore(), 10);
    for (let n = 0; n < 35; n += 1) insert(one, n);
    const other = tableOf(new MapStateStore(), 10);
    for (let n = 25; n < 35; n += 1) insert(other, n);
    expect(one.state().hashHigh).toBe(other.state().hashHigh);
    expect(one.state().hashLow).toBe(other.state().hashLow);
    insert(other, 35);
    expect(one.state().hashLow).not.toBe(other.state().hashLow);
  });
});

describe('rows that contradict each other are refused', () => {
  const keyOf = (page: number): string => `\u0001\0\0\0\0\0${String.fromCharCode(page)}`;
  function flushed(): MapStateStore {
    const store = new MapStateStore();
    const machine = new KvMachine(store, { maxDedupEntries: 300 });
    machine.load();
    for (let n = 0; n < 200; n += 1) machine.apply(n + 1, putEntry('a', `${n}`));
    machine.flush();
    return store.checkpoint();
  }
  const alter = (key: string, change: (row: Buffer) => Buffer) => (store: MapStateStore) => {
    store.set(key, change(Buffer.from(store.get(key)!)));
  };
  const flip = (at: number) => (row: Buffer) => {
    row[at]! ^= 1;
    return row;
  };
  const alterations: [string, (store: MapStateStore) => void][] = [
    ['a page is missing', (store) => { store.delete(keyOf(0)); }],
    ['the last page is missing', (store) => { store.delete(keyOf(1)); }],
    ['the meta row is missing', (store) => { store.delete('\u0002'); }],
    ['a page is cut', alter(keyOf(0), (row) => row.subarray(0, 100))],
    ['a bit of an answer is turned', alter(keyOf(1), flip(30))],
    ['a page has another layout', alter(keyOf(0), flip(0))],
    ['a page has another number', alter(keyOf(0), flip(6))],
    ['the meta row has another layout', alter('\u0002', flip(0))],
    ['the meta row is cut', alter('\u0002', (row) => row.subarray(0, 20))],
    ['the meta row has another hash', alter('\u0002', flip(46))],
  ]; // prettier-ignore
  it.each(alterations)('%s', (_what, change) => {
    const store = flushed();
    new KvMachine(store, { maxDedupEntries: 300 }).load();
    change(store);
    expect(() => { new KvMachine(store, { maxDedupEntries: 300 }).load(); }).toThrow(StorageCorruption); // prettier-ignore
  });
});

describe('the table of ids', () => {
  it('finds what a Map finds, after any insertions and removals', () => {
    const SLOTS = 8;
    const ids = Array.from({ length: 31 }, (_, n) => Buffer.concat([Buffer.alloc(3), v4Id(n)]));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: SLOTS - 1 }), fc.nat({ max: ids.length - 1 })), { maxLength: 80, size: 'max' }),
        (steps) => {
          const ring = new Uint8Array(SLOTS * 20);
          const table = new DedupIndex(ring, 20, SLOTS);
          const expected = new Map<number, number>();
          for (const [position, n] of steps) {
            const holder = [...expected].find(([, held]) => held === position);
            if (holder !== undefined) {
              table.remove(position);
              expected.delete(holder[0]);
            } else if (!expected.has(n)) {
              ring.set(v4Id(n), position * 20);
              table.add(position);
              expected.set(n, position);
            }
            const found = ids.map((id) => table.find(id, 3));
            const wanted = ids.map((_id, each) => expected.get(each) ?? -1);
            // An expectation for each would take most of the time.
            if (String(found) !== String(wanted)) expect(found).toEqual(wanted);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
