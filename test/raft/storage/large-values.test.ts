/** Values that do not fit into a quarter of a page with their key: in a table of their own, so that no search passes over them. */
import Database from 'better-sqlite3';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  EVERYTHING,
  NO_BOUNDS,
  SqliteStorage,
  StorageCorruption,
  type StateRow,
} from '../../../src/raft/storage/index.js';
import { CREATE_LARGE_VALUES, RowWriter } from '../../../src/raft/storage/state/large-values.js';
import {
  entry,
  freshFolder,
  meta,
  readChunks,
  removeFoldersAfterEach,
  row,
  stage,
  stateOf,
} from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

/** Of pages of 4096 bytes: what SQLite keeps of a row of an index tree, less its header and a slot. */
const MOST_INLINE = 986;
const LARGE = 'x'.repeat(50_000);
const OTHER = 'y'.repeat(1_500);
let directory = '';
let index = 0;

const opened = async (): Promise<SqliteStorage> => {
  const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
  await storage.open();
  return storage;
};

/** Runs `use` on the state of a folder that no store holds. */
function inState<T>(use: (db: Database.Database) => T): T {
  const db = new Database(join(directory, 'state.db'));
  try {
    return use(db);
  } finally {
    db.close();
  }
}

const count = (select: string): number =>
  inState((db) => Number(db.prepare<[], number>(`SELECT count(*) FROM ${select}`).pluck().get()));

async function checkpoint(storage: SqliteStorage, ...rows: StateRow[]): Promise<void> {
  index += 1;
  await storage.commit([{ group: 1, hardState: undefined, entries: [entry(index)] }]);
  await storage.checkpoint([{ group: 1, meta: meta(index), rows }]);
}

const expectAsMany = (values: number): void => {
  expect(count('large')).toBe(values);
  expect(count("state WHERE typeof(v) = 'integer'")).toBe(values);
};

describe('large values', () => {
  removeFoldersAfterEach();
  beforeEach(() => {
    directory = freshFolder();
    index = 0;
  });

  it('are read in every way, and keep no bytes once they are replaced or deleted', async () => {
    const storage = await opened();
    const read = (): unknown[] => [
      stateOf(storage, 1),
      Object.fromEntries(
        ['a', 'b', 'c'].flatMap((key) => {
          const [value] = storage.readAll(1, [key]);
          expect(value).toEqual(storage.read(1, key));
          return value === undefined ? [] : [[key, Buffer.from(value).toString()]];
        }),
      ),
    ];
    const steps: readonly (readonly [large: number, ...rows: StateRow[]])[] = [
      [1, row('a', 'small'), row('b', LARGE)],
      [2, row('a', OTHER), row('c', 'small')],
      [2, row('a', 'small'), row('b', OTHER), row('c', LARGE)],
      [1, row('b', undefined), row('nothing', undefined)],
      [0, row('c', 'small')],
    ];
    const model = new Map<string, string>();
    for (const [large, ...rows] of steps) {
      await checkpoint(storage, ...rows);
      for (const [key, value] of rows) {
        if (value === undefined) model.delete(key);
        else model.set(key, Buffer.from(value).toString());
      }
      const expected = Object.fromEntries(model);
      expect(read()).toEqual([expected, expected]);
      expectAsMany(large);
    }
    await storage.close();
  });

  it('begin where a row would need overflow pages', async () => {
    const storage = await opened();
    const sizes = [0, 1, 300, MOST_INLINE - 1, MOST_INLINE, MOST_INLINE + 1, 998, 999, 1_000, 1_001, 1_002, 3_000];
    const rows = sizes.map((size) => row('key'.padEnd(3), 'v'.repeat(Math.max(0, size - 3))));
    // Keys of one length: each of a group of its own.
    for (const [group, [key, value]] of rows.entries()) {
      await storage.commit([{ group, hardState: undefined, entries: [entry(1)] }]);
      await storage.checkpoint([{ group, meta: meta(1), rows: [[key, value]] }]);
      expect(storage.read(group, key)).toEqual(value === undefined ? undefined : Buffer.from(value));
    }
    await storage.close();
    const overflowing = (name: string): number => count(`dbstat WHERE name = '${name}' AND pagetype = 'overflow'`);
    expect(overflowing('state')).toBe(0);
    expectAsMany(7);
    inState((db) => db.prepare('UPDATE state SET v = zeroblob(1000) WHERE slot = (SELECT max(slot) FROM state)').run());
    expect(overflowing('state')).toBe(1);
  });

  it.each([512, 4_096, 65_536])('leave every other row without overflow pages: pages of %i bytes', (pageBytes) => {
    const db = new Database(':memory:');
    db.pragma(`page_size = ${pageBytes}`);
    db.exec('CREATE TABLE state(slot INTEGER, k BLOB, v BLOB, PRIMARY KEY(slot, k)) WITHOUT ROWID');
    db.exec(CREATE_LARGE_VALUES);
    const rows = new RowWriter(db);
    const [quarter, slots] = [pageBytes / 4, [1, 127, 2 ** 20, 2 ** 31, 2 ** 40]];
    for (const slot of slots) {
      for (const keyBytes of [2, 60, quarter - 100]) {
        for (let size = quarter - 60; size < quarter + 120; size++) {
          const key = Buffer.alloc(keyBytes);
          key.writeUInt16BE(size);
          rows.write(slot, key, new Uint8Array(Math.max(0, size - keyBytes)));
        }
      }
    }
    const count = (from: string): unknown => db.prepare(`SELECT count(*) FROM ${from}`).pluck().get();
    expect(count("dbstat WHERE name = 'state' AND pagetype = 'overflow'")).toBe(0);
    expect(count("state WHERE typeof(v) = 'blob'")).toBeGreaterThan(slots.length);
    expect(count('large')).toBeGreaterThan(slots.length);
    db.close();
  });

  it('of a long key are kept elsewhere only if that makes the row smaller', async () => {
    const storage = await opened();
    const [long, longer] = ['k'.repeat(4_000), 'k'.repeat(4_001)];
    await checkpoint(storage, row(long, '12345678'), row(longer, '123456789'));
    expect(stateOf(storage, 1)).toEqual({ [long]: '12345678', [longer]: '123456789' });
    await storage.close();
    expectAsMany(1);
  });

  it('are in a view as they were when it was opened', async () => {
    const storage = await opened();
    await checkpoint(storage, row('a', LARGE), row('b', OTHER));
    const view = storage.openView(1);
    const { rows } = storage.range(1, EVERYTHING, NO_BOUNDS);
    await checkpoint(storage, row('a', OTHER), row('b', undefined));
    await checkpoint(storage, row('b', LARGE));
    expect(view.range(EVERYTHING, NO_BOUNDS).rows).toEqual(rows);
    view.close();
    await storage.close();
  });

  it('go into snapshots and come from them; what an installed one replaces is deleted with its values', async () => {
    const source = await opened();
    await checkpoint(source, row('a', LARGE), row('b', 'small'), row('c', OTHER));
    const reader = await source.openSnapshot(1);
    if (reader === undefined) throw new Error('there is no snapshot');
    const chunks = await readChunks(reader, 10_000);
    reader.close();
    const state = stateOf(source, 1);
    await source.close();

    directory = freshFolder();
    index = 0;
    const target = await opened();
    await checkpoint(target, row('old', LARGE), row('older', OTHER), row('small', 'small'));
    await stage(target, 1, chunks);
    await target.install(1, meta(50), { term: 1, vote: 0, commit: 50 });
    expect(stateOf(target, 1)).toEqual(state);
    await target.close();
    // The replaced rows go when there is nothing else to do; a commit after each slice lets that continue.
    const again = await opened();
    for (let i = 51; i < 55; i++) await again.commit([{ group: 1, hardState: undefined, entries: [entry(i)] }]);
    expect(stateOf(again, 1)).toEqual(state);
    await again.close();
    expectAsMany(2);
  });

  it('s69 that are missing are reported as damage', async () => {
    const before = await opened();
    await checkpoint(before, row('a', LARGE), row('b', 'small'));
    await before.close();
    inState((db) => db.exec('DELETE FROM large'));
    const storage = await opened();
    const reads = [
      () => storage.read(1, 'a'),
      () => storage.readAll(1, ['b', 'a']),
      () => storage.range(1, EVERYTHING, NO_BOUNDS),
    ];
    for (const read of reads) {
      expect(read).toThrow(StorageCorruption);
      expect(read).toThrow('state.db: a row refers to a large value that is not there. ');
    }
    expect(storage.read(1, 'b')).toEqual(Buffer.from('small'));
    expect(storage.range(1, { ...EVERYTHING, keysOnly: true }, NO_BOUNDS).rows.map(([key]) => key)).toEqual(['a', 'b']);
    await storage.close();
  });
});
