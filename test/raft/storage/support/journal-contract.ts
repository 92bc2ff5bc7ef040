/** The half of the files' contract that is about the journal; `files.contract.ts` runs it. */
import { expect, test } from 'vitest';
import { crc32c } from '../../../../src/raft/storage/index.js';
import type { StoreFiles } from '../../../../src/raft/storage/index.js';
import type { Place } from '../files.contract.js';
import { bytes, text } from './builders.js';

const dataOf = (seq: number): Uint8Array => bytes(`row ${seq}`);
const rowOf = (seq: number) => ({ seq, crc: crc32c(dataOf(seq)), data: text(dataOf(seq)) });
const plain = ({ seq, crc, data }: { seq: number; crc: number; data: Uint8Array }) => ({ seq, crc, data: text(data) });

/** One transaction with rows `first` to `last`. */
export function append({ journal }: StoreFiles, first: number, last: number): void {
  journal.transaction(() => {
    for (let seq = first; seq <= last; seq++) journal.append(seq, dataOf(seq));
  });
}

export const rowsOf = ({ journal }: StoreFiles, after = 0, maxBytes = Infinity) =>
  journal.load(after, maxBytes).map(plain);
export const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => rowOf(first + i));

function journalView({ journal }: StoreFiles) {
  const { truncatedTo, closed, checkpointsDue, last } = journal;
  const metas = Object.fromEntries(journal.metas().map(([name, value]) => [name, text(value)]));
  return { truncatedTo, closed, checkpointsDue, last, metas, rows: journal.load(0, Infinity).map(plain) };
}
const EMPTY = { truncatedTo: 0, closed: 0, checkpointsDue: 0, last: undefined, metas: {}, rows: [] };

export function journalRows(open: () => Place): void {
  test('a journal starts empty, also after a crash', () => {
    const place = open();
    expect(journalView(place.open())).toEqual(EMPTY);
    place.crash();
    expect(journalView(place.open())).toEqual(EMPTY);
  });

  test('rows and values of a transaction are there, with their checksums, and survive a crash', () => {
    const place = open();
    const files = place.open();
    append(files, 1, 3);
    files.journal.transaction(() => {
      files.journal.append(4, dataOf(4));
      files.journal.putMeta('a', bytes('old'));
      files.journal.putMeta('b', bytes(''));
      expect(plain(files.journal.row(4))).toEqual(rowOf(4));
    });
    files.journal.transaction(() => {
      files.journal.putMeta('a', bytes('new'));
    });
    const view = { ...EMPTY, last: 4, metas: { a: 'new', b: '' }, rows: numbered(1, 4) };
    expect(journalView(files)).toEqual(view);
    expect(plain(files.journal.row(2))).toEqual(rowOf(2));
    expect(() => files.journal.row(5)).toThrow('row 5 is gone');
    place.crash();
    expect(journalView(place.open())).toEqual(view);
  });

  test('rows are loaded after a given one, up to a number of bytes, at least one', () => {
    const files = open().open();
    append(files, 1, 9);
    const { length } = dataOf(1);
    expect(rowsOf(files, 4)).toEqual(numbered(5, 9));
    expect(rowsOf(files, 0, 1)).toEqual(numbered(1, 1));
    expect(rowsOf(files, 2, length)).toEqual(numbered(3, 3));
    expect(rowsOf(files, 2, length + 1)).toEqual(numbered(3, 4));
    expect(rowsOf(files, 9)).toEqual([]);
  });

  test('rows of any length round-trip', () => {
    const place = open();
    const files = place.open();
    const lengths = [0, 1, 4_000, 4_096, 50_000, 300_000];
    files.journal.transaction(() => {
      lengths.forEach((length, i) => {
        files.journal.append(i + 1, new Uint8Array(length).fill(i + 1));
      });
    });
    place.crash();
    const rows = place.open().journal.load(0, Infinity);
    expect(rows.map(({ data }) => data.length)).toEqual(lengths);
    for (const { seq, crc, data } of rows) {
      expect(data.every((byte) => byte === seq)).toBe(true);
      expect(crc).toBe(crc32c(data));
    }
  });

  test('a row number is used once, and only within a transaction', () => {
    const files = open().open();
    append(files, 1, 2);
    expect(() => {
      append(files, 2, 2);
    }).toThrow('row 2 is there already');
    files.journal.recover();
    expect(() => {
      files.journal.append(3, dataOf(3));
    }).toThrow();
    expect(() => {
      files.journal.putMeta('a', bytes('1'));
    }).toThrow();
    expect(journalView(files)).toEqual({ ...EMPTY, last: 2, rows: numbered(1, 2) });
    append(files, 3, 3);
    expect(rowsOf(files)).toEqual(numbered(1, 3));
  });
}

export function journalEnds(open: () => Place): void {
  test('truncation is durable, and records the checkpoint that allowed it', () => {
    const place = open();
    const files = place.open();
    append(files, 1, 6);
    files.journal.truncatePrefix(4, 7);
    const view = { ...EMPTY, truncatedTo: 4, checkpointsDue: 7, last: 6, rows: numbered(5, 6) };
    expect(journalView(files)).toEqual(view);
    expect(() => files.journal.row(4)).toThrow('row 4 is gone');
    place.crash();
    const next = place.open();
    expect(journalView(next)).toEqual(view);
    append(next, 7, 8);
    next.journal.truncatePrefix(7, 8);
    expect(journalView(next)).toMatchObject({ truncatedTo: 7, last: 8, rows: numbered(8, 8) });
  });

  test('a torn last row is dropped durably, and its number can be reused', () => {
    const place = open();
    const files = place.open();
    append(files, 1, 2);
    append(files, 3, 3);
    files.journal.dropTorn(3);
    expect(journalView(files)).toMatchObject({ last: 2, rows: numbered(1, 2) });
    place.crash();
    const next = place.open();
    expect(journalView(next)).toMatchObject({ last: 2, rows: numbered(1, 2) });
    append(next, 3, 4);
    expect(rowsOf(next)).toEqual(numbered(1, 4));
  });

  test('a journal that is closed cleanly records that, and its last row', () => {
    const place = open();
    const files = place.open();
    expect(files.journal.markAllDurable()).toBe(0);
    append(files, 1, 5);
    expect(files.journal.closed).toBe(0);
    expect(files.journal.markAllDurable()).toBe(5);
    expect(files.journal.markAllDurable()).toBe(5);
    place.crash();
    const next = place.open();
    expect(next.journal.closed).toBe(5);
    append(next, 6, 6);
    expect(next.journal.closed).toBe(5);
    expect(next.journal.markAllDurable()).toBe(6);
  });

  test('preallocating, and rewriting the last batch, change no content', () => {
    const place = open();
    const files = place.open();
    append(files, 1, 2);
    const before = journalView(files);
    for (let i = 0; files.journal.preallocate() && i < 100; i++);
    expect(files.journal.preallocate()).toBe(false);
    files.journal.ensureDurable();
    files.state.ensureDurable();
    expect(journalView(files)).toEqual(before);
    place.crash();
    const next = place.open();
    next.journal.ensureDurable();
    expect(journalView(next)).toEqual(before);
  });
}

export function journalFailures(open: () => Place): void {
  test('a transaction that finds no room has no effect, and can be repeated once there is room', () => {
    const place = open();
    const files = place.open();
    append(files, 1, 2);
    const large = new Uint8Array(2_000_000).fill(3);
    const grow = (): void => {
      files.journal.transaction(() => {
        files.journal.append(3, large);
        files.journal.putMeta('a', bytes('1'));
      });
    };
    place.fill(true);
    expect(grow).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }));
    files.journal.recover();
    const before = { ...EMPTY, last: 2, rows: numbered(1, 2) };
    expect(journalView(files)).toEqual(before);
    expect(grow).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }));
    files.journal.recover();
    // A second time has no effect.
    files.journal.recover();
    expect(journalView(files)).toEqual(before);
    place.fill(false);
    grow();
    place.crash();
    const next = place.open().journal;
    expect(next.last).toBe(3);
    expect(next.row(3).data).toHaveLength(large.length);
    expect(next.metas().map(([name]) => name)).toEqual(['a']);
  });
}
