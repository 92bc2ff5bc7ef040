/** The half of the files' contract that is about the state and snapshots of it; `files.contract.ts` runs it. */
import { expect, test } from 'vitest';
import { EVERYTHING, NO_BOUNDS } from '../../../../src/raft/storage/index.js';
import type { RowRange, SnapshotSource, StoreFiles } from '../../../../src/raft/storage/index.js';
import { decodeStateRows } from '../../../../src/raft/storage/state/state-rows.js';
import type { Place } from '../files.contract.js';
import { meta, text } from './builders.js';
import { append, numbered, rowsOf } from './journal-contract.js';

const stateRow = (key: string, value: string | undefined) => ({
  key: Buffer.from(key),
  value: value === undefined ? undefined : Buffer.from(value),
});

function stateView({ state }: StoreFiles) {
  const groups = state.groups().sort((a, b) => a.group - b.group);
  return { journal: state.journal, checkpoints: state.checkpoints, groups, garbage: state.garbage().sort() };
}
const NO_STATE = { journal: 0, checkpoints: 0, groups: [], garbage: [] };
const group = (id: number, slot: number, more: object = {}) => ({
  ...{ group: id, slot, hardState: { term: 0, vote: 0, commit: 0 }, hardSeq: 0, resetSeq: 0, meta: undefined },
  ...more,
});

function slotOf(place: Place, slot: number): Record<string, string | undefined> {
  const reader = place.reader();
  try {
    const { rows } = reader.range(slot, EVERYTHING, NO_BOUNDS);
    for (const [key, value] of rows) expect(text(reader.get(slot, key))).toBe(text(value));
    const all = reader.getAll(slot, ['no such row', ...rows.map(([key]) => key)]);
    expect(all.map(text)).toEqual([undefined, ...rows.map(([, value]) => text(value))]);
    return Object.fromEntries(rows.map(([key, value]) => [key, text(value)]));
  } finally {
    reader.close();
  }
}

/** A checkpoint as the engine makes one. */
function checkpoint(
  { state }: StoreFiles,
  slot: number,
  index: number,
  rows: Record<string, string | undefined>,
): void {
  state.transaction(() => {
    for (const [key, value] of Object.entries(rows)) state.writeRow(slot, stateRow(key, value));
    state.saveMeta(1, slot, meta(index));
    state.countCheckpoint();
  });
}

export function stateTransactions(open: () => Place): void {
  test('a state starts empty', () => {
    const place = open();
    const files = place.open();
    expect(stateView(files)).toEqual(NO_STATE);
    expect(files.state.slotOf(1)).toBeUndefined();
    expect(files.openSnapshot(1)).toBeUndefined();
  });

  test('a committed transaction is there completely, and survives a crash', () => {
    const place = open();
    const files = place.open();
    const { state } = files;
    const hardState = { term: 3, vote: 2, commit: 5 };
    state.begin();
    state.writeRow(4, stateRow('a', '1'));
    state.writeRow(4, stateRow('b', '2'));
    state.saveMeta(1, 4, meta(5, 3));
    state.saveHardState({ group: 1, hardState, seq: 9 }, 77);
    state.saveHardState({ group: 2, hardState, seq: 8 }, 6);
    state.saveJournal(9);
    state.countCheckpoint();
    // Not before: readers see whole transactions only.
    expect(slotOf(place, 4)).toEqual({});
    state.commit();
    const groups = [group(1, 4, { meta: meta(5, 3), hardState, hardSeq: 9 }), group(2, 6, { hardState, hardSeq: 8 })];
    const view = { ...NO_STATE, journal: 9, checkpoints: 1, groups };
    expect(stateView(files)).toEqual(view);
    expect([state.slotOf(1), state.slotOf(2), state.slotOf(3)]).toEqual([4, 6, undefined]);
    expect(slotOf(place, 4)).toEqual({ a: '1', b: '2' });
    place.crash();
    expect(stateView(place.open())).toEqual(view);
    expect(slotOf(place, 4)).toEqual({ a: '1', b: '2' });
  });

  test('one transaction at a time; commit without begin throws', () => {
    const { state } = open().open();
    expect(() => {
      state.commit();
    }).toThrow('no transaction is active');
    state.rollback();
    state.begin();
    expect(() => {
      state.begin();
    }).toThrow('cannot start a transaction within a transaction');
    state.commit();
  });

  test('a transaction that was rolled back, or open in a crash, has no effect', () => {
    const place = open();
    const files = place.open();
    checkpoint(files, 4, 5, { a: '1', b: '2' });
    const view = stateView(files);
    const change = (): void => {
      files.state.begin();
      files.state.writeRow(4, stateRow('a', undefined));
      files.state.writeRow(4, stateRow('c', '3'));
      files.state.saveMeta(1, 4, meta(8));
      files.state.saveHardState({ group: 2, hardState: { term: 1, vote: 1, commit: 0 }, seq: 1 }, 5);
      files.state.saveJournal(3);
      files.state.addGarbage(9);
      files.state.countCheckpoint();
    };
    change();
    files.state.rollback();
    expect(stateView(files)).toEqual(view);
    expect(slotOf(place, 4)).toEqual({ a: '1', b: '2' });
    change();
    place.crash();
    expect(stateView(place.open())).toEqual(view);
    expect(slotOf(place, 4)).toEqual({ a: '1', b: '2' });
  });

  test('a state that is closed cleanly records the journal position', () => {
    const place = open();
    const files = place.open();
    files.state.markDurableTo(7);
    files.state.markDurableTo(7);
    place.crash();
    expect(place.open().state.journal).toBe(7);
  });
}

export function stateFailures(open: () => Place): void {
  test('a transaction that finds no room can be rolled back and repeated; the other file is unchanged', () => {
    const place = open();
    const files = place.open();
    append(files, 1, 2);
    checkpoint(files, 4, 5, { a: '1' });
    const view = stateView(files);
    const large = 'x'.repeat(2_000_000);
    place.fill(true);
    expect(() => {
      checkpoint(files, 4, 6, { a: '2', large });
    }).toThrow(expect.objectContaining({ code: 'SQLITE_FULL' }));
    files.state.rollback();
    expect(stateView(files)).toEqual(view);
    expect(rowsOf(files)).toEqual(numbered(1, 2));
    place.fill(false);
    checkpoint(files, 4, 6, { a: '2', large });
    append(files, 3, 3);
    place.crash();
    const next = place.open();
    expect(next.state.groups()).toMatchObject([{ meta: meta(6) }]);
    expect(slotOf(place, 4)).toEqual({ a: '2', large });
    expect(rowsOf(next)).toEqual(numbered(1, 3));
  });
}

export function stateSlots(open: () => Place): void {
  test('rows are inserted, replaced and deleted, and read in key order', () => {
    const place = open();
    const files = place.open();
    checkpoint(files, 1, 1, { b: '1', a: '1', 'a\0': '', c: '1' });
    checkpoint(files, 1, 2, { b: '2', c: undefined, d: undefined });
    expect(Object.entries(slotOf(place, 1))).toEqual([
      ['a', '1'],
      ['a\0', ''],
      ['b', '2'],
    ]);
    const reader = place.reader();
    const keysIn = (range: RowRange): string[] => reader.range(1, range, NO_BOUNDS).rows.map(([key]) => key);
    expect(keysIn({ from: 'a', to: 'b' })).toEqual(['a', 'a\0']);
    expect(keysIn({ from: 'a\0', to: undefined, reverse: true })).toEqual(['b', 'a\0']);
    expect(reader.get(1, 'c')).toBeUndefined();
    expect(reader.get(2, 'a')).toBeUndefined();
    reader.close();
  });

  test('a staged slot replaces that of its group, which is then garbage', () => {
    const place = open();
    const files = place.open();
    const { state } = files;
    checkpoint(files, 4, 5, { a: 'old' });
    state.transaction(() => {
      state.addGarbage(8);
      state.addGarbage(8);
      state.writeRow(8, stateRow('a', 'new'));
    });
    expect([state.isGarbage(8), state.isGarbage(4)]).toEqual([true, false]);
    for (let twice = 0; twice < 2; twice++) {
      state.transaction(() => {
        state.activate({ group: 1, slot: 8, meta: meta(9, 2), seq: 12 });
      });
    }
    const view = {
      ...NO_STATE,
      checkpoints: 1,
      groups: [group(1, 8, { meta: meta(9, 2), resetSeq: 12 })],
      garbage: [4],
    };
    expect(stateView(files)).toEqual(view);
    place.crash();
    expect(stateView(place.open())).toEqual(view);
    expect([slotOf(place, 8), slotOf(place, 4)]).toEqual([{ a: 'new' }, { a: 'old' }]);
  });

  test('a new group gets its first state from a staged slot', () => {
    const { state, ...files } = open().open();
    state.transaction(() => {
      state.addGarbage(3);
    });
    state.transaction(() => {
      state.activate({ group: 5, slot: 3, meta: meta(2), seq: 4 });
    });
    expect(stateView({ state, ...files })).toMatchObject({
      groups: [group(5, 3, { meta: meta(2), resetSeq: 4 })],
      garbage: [],
    });
  });

  test('garbage is purged a few rows at a time, and its slot is then free', () => {
    const place = open();
    const files = place.open();
    const { state } = files;
    checkpoint(files, 1, 1, { mine: '1' });
    state.transaction(() => {
      state.addGarbage(2);
      for (let i = 0; i < 6; i++) state.writeRow(2, stateRow(`k${i}`, 'x'));
    });
    expect([state.purge(2, 4), Object.keys(slotOf(place, 2)), state.isGarbage(2)]).toEqual([false, ['k4', 'k5'], true]);
    // Exactly the limit: the next turn shows whether that was all.
    expect([state.purge(2, 2), state.isGarbage(2)]).toEqual([false, true]);
    expect([state.purge(2, 2), state.isGarbage(2)]).toEqual([true, false]);
    expect([slotOf(place, 1), slotOf(place, 2)]).toEqual([{ mine: '1' }, {}]);
    place.crash();
    expect(place.open().state.garbage()).toEqual([]);
  });
}

/** All rows of a snapshot, read in pieces of a given size. */
function contentOf(source: SnapshotSource, maxBytes: number): Record<string, string | undefined> {
  while (source.prepare());
  const rows: Record<string, string | undefined> = {};
  for (let done = false; !done;) {
    const piece = source.next(maxBytes);
    const decoded = [...decodeStateRows(piece.data)];
    expect(decoded.length > 0 || piece.done).toBe(true);
    for (const { key, value } of decoded) rows[key.toString('latin1')] = text(value);
    done = piece.done;
  }
  source.close();
  return rows;
}

export function snapshots(open: () => Place): void {
  test('a snapshot is unaffected by writes while it is read', () => {
    const files = open().open();
    const rows = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${String(i).padStart(2, '0')}`, `v${i}`]));
    checkpoint(files, 4, 5, rows);
    const first = files.openSnapshot(1);
    const second = files.openSnapshot(1);
    checkpoint(files, 4, 6, { k00: undefined, k01: 'other', z: '1' });
    files.state.transaction(() => {
      files.state.addGarbage(8);
      files.state.activate({ group: 1, slot: 8, meta: meta(9), seq: 1 });
    });
    while (!files.state.purge(4, 7));
    expect([first?.meta, second?.meta]).toEqual([meta(5), meta(5)]);
    expect(contentOf(first!, 60)).toEqual(rows);
    expect(contentOf(second!, 1)).toEqual(rows);
    const third = files.openSnapshot(1);
    expect(third?.meta).toEqual(meta(9));
    expect(contentOf(third!, 100)).toEqual({});
  });
}
