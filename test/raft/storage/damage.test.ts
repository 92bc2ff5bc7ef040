/** Torn tails are truncated, damage is refused: how a store starts from files that are not as it left them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/raft/storage/journal/crc32c.js';
import { encodeRow, type JournalRecord } from '../../../src/raft/storage/journal/row.js';
import { SLOT_HEADER_BYTES, writeSlot } from '../../../src/raft/storage/journal/slot.js';
import { STATE_PAGE_BYTES } from '../../../src/raft/storage/state/state-db.js';
import { SqliteStorage, StorageCorruption, StorageFailure } from '../../../src/raft/storage/index.js';
import type { EntryKind } from '../../../src/raft/types.js';
import { entries, entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { flipBit, putFiles, startFrom, startIn, takeFiles } from './support/files.js';
import type { Files } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const COMMITS = 12;
const WAL_HEADER_BYTES = 32;
const FRAME_BYTES = 24 + STATE_PAGE_BYTES;

const indexesOf = (log: readonly string[] | undefined): number[] =>
  (log ?? []).map((line) => Number(line.split('@')[0]));
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

/** The files of a store with twelve commits of one entry each: while it was open, and after it was closed. */
async function makeStore(): Promise<{ readonly open: Files; readonly closed: Files }> {
  const directory = freshFolder();
  const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
  await storage.open();
  for (let i = 1; i <= COMMITS; i++) {
    const hardState = { term: i, vote: 1, commit: 0 };
    await storage.commit([{ group: 1, hardState, entries: [entry(i, i, 'x'.repeat(100))] }]);
  }
  const open = takeFiles(directory);
  await storage.close();
  return { open, closed: takeFiles(directory) };
}

/** Executes SQL on one of the files. */
function tamper(files: Files, name: string, sql: string): string {
  const directory = putFiles(files);
  const db = new Database(join(directory, name));
  db.exec(sql);
  db.close();
  return directory;
}

/** Changes slot `seq` of the journal, which holds row `seq`: each is shorter than a slot. */
function tamperRow(files: Files, seq: number, change: (slot: Buffer) => Buffer): string {
  const directory = putFiles(files);
  const db = new Database(join(directory, 'journal.db'));
  const slot = db.prepare<[number], Buffer>('SELECT data FROM slots WHERE id = ?').pluck().get(seq) ?? Buffer.alloc(0);
  db.prepare('UPDATE slots SET data = ? WHERE id = ?').run(change(slot), seq);
  db.close();
  return directory;
}

/** One bit of the row's entry. */
const damageRow = (files: Files, seq: number): string =>
  tamperRow(files, seq, (slot) => flipBit(slot, slot.indexOf('xxx') + 1));

describe('damage', () => {
  let open: Files;
  let closed: Files;

  removeFoldersAfterEach();
  beforeEach(async () => {
    ({ open, closed } = await makeStore());
  });

  /** With row `seq` replaced by a whole row of these bytes. */
  const withRow = (seq: number, data: Uint8Array): string => {
    const header = { seq, batch: seq, part: 0, parts: 1, rowBytes: data.length, rowCrc: crc32c(data) };
    return tamperRow(open, seq, (slot) => {
      writeSlot(slot, header, data);
      return slot;
    });
  };

  const expectCorruption = async (start: Promise<unknown>, what: RegExp): Promise<void> => {
    const error = await start.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StorageCorruption);
    expect((error as Error).message).toMatch(what);
    expect((error as Error).message).toMatch(
      /start the node with an empty one, or with a copy of the whole folder .* others notice/,
    );
  };

  it('s68 s69 accepts the WAL of the state as far as it was synced, and refuses a damaged one', async () => {
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    let journal: Uint8Array | undefined;
    for (let i = 1; i <= COMMITS; i++) {
      await storage.commit([{ group: 1, hardState: undefined, entries: [entry(i)] }]);
      journal = takeFiles(directory)['journal.db'];
      if (i % 4 === 0) await storage.checkpoint([{ group: 1, meta: meta(i), rows: [row('a', String(i))] }]);
    }
    const files = takeFiles(directory);
    await storage.close();
    const wal = files['state.db-wal'] ?? Buffer.alloc(0);
    const frames = Math.floor((wal.length - WAL_HEADER_BYTES) / FRAME_BYTES);
    expect(frames).toBeGreaterThan(6);
    const withWal = (content: Buffer): Files => ({ ...files, 'state.db-wal': content });
    // A torn last transaction was not synced, so the journal still has what it covered.
    const last = WAL_HEADER_BYTES + (frames - 1) * FRAME_BYTES;
    for (const at of [last + 24 + 1000, last + 17, last + 9]) {
      expect(
        (await startFrom({ ...withWal(flipBit(wal, at)), 'journal.db': Buffer.from(journal ?? []) })).view[1]?.log.at(
          -1,
        ),
      ).toMatch(/^12@/);
    }
    for (const frame of [0, 2, Math.floor(frames / 2)]) {
      for (const offset of [30, 500, 1000]) {
        const damaged = flipBit(wal, WAL_HEADER_BYTES + frame * FRAME_BYTES + offset, 5);
        const what = new RegExp(`state.db-wal: frame ${frame + 1} is damaged`);
        await expectCorruption(startFrom(withWal(damaged)), what);
      }
    }
    for (const at of [17, 2, 9]) {
      await expectCorruption(startFrom(withWal(flipBit(wal, at))), /state.db-wal: frame 0 is damaged/);
    }
  });

  it('s68 drops a torn last row, with a notice', async () => {
    for (const whole of [SLOT_HEADER_BYTES, SLOT_HEADER_BYTES + 20, SLOT_HEADER_BYTES + 60]) {
      const directory = tamperRow(open, COMMITS, (slot) => Buffer.from(slot).fill(0, whole));
      const { view, notices } = await startIn(directory);
      expect(indexesOf(view[1]?.log)).toEqual(upTo(COMMITS - 1));
      expect(view[1]?.hardState[0]).toBe(COMMITS - 1);
      expect(notices).toEqual([expect.stringMatching(/last row, 12, was torn/)]);
      // Its number is given to the next row.
      const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
      await storage.open();
      await storage.commit([{ group: 1, hardState: undefined, entries: [entry(COMMITS, 99)] }]);
      await storage.close();
      const again = await startIn(directory);
      expect(again.notices).toEqual([]);
      expect(again.view[1]?.log.at(-1)).toMatch(/^12@99=/);
    }
  });

  it('s68 treats an unreadable last row as never written', async () => {
    const changes: ((slot: Buffer) => Buffer)[] = [
      () => Buffer.alloc(0),
      (slot) => Buffer.alloc(slot.length),
      (slot) => flipBit(slot, 0),
    ];
    for (const change of changes) {
      const directory = tamperRow(open, COMMITS, change);
      const { view, notices } = await startIn(directory);
      expect(indexesOf(view[1]?.log)).toEqual(upTo(COMMITS - 1));
      expect(notices).toEqual([]);
    }
  });

  it('s69 refuses an unreadable row before the last', async () => {
    const directory = tamperRow(open, 7, () => Buffer.alloc(0));
    await expectCorruption(startIn(directory), /row 7 is missing/);
  });

  it('s69 refuses a bad row before the last, and names it', async () => {
    for (const seq of [1, 6, COMMITS - 1]) {
      const directory = damageRow(open, seq);
      const what = new RegExp(`journal.db: row ${seq} of 1 to 12 is damaged: its checksum is`);
      await expectCorruption(startIn(directory), what);
      const db = new Database(join(directory, 'journal.db'));
      expect(db.prepare("SELECT value FROM facts WHERE name = 'closed'").pluck().get()).toBe(0);
      expect(db.prepare('SELECT count(*) FROM slots').pluck().get()).toBeGreaterThan(COMMITS);
      db.close();
      await expectCorruption(startIn(directory), what);
    }
  });

  it('s69 adds no slots to a journal that it refuses, however few are free', async () => {
    const directory = damageRow(open, 5);
    const slots = (sql: string): unknown => {
      const db = new Database(join(directory, 'journal.db'));
      db.exec(sql);
      const count = db.prepare('SELECT count(*) FROM slots').pluck().get();
      db.close();
      return count;
    };
    expect(slots(`DELETE FROM slots WHERE id > ${COMMITS}`)).toBe(COMMITS);
    await expectCorruption(startIn(directory), /row 5 of 1 to 12 is damaged/);
    expect(slots('')).toBe(COMMITS);
  });

  it('s69 refuses a bad last row that is known to have been synced', async () => {
    const afterClose = damageRow(closed, COMMITS);
    await expectCorruption(startIn(afterClose), /row 12 of 1 to 12 is damaged/);
    const afterCheckpoint = damageRow(open, COMMITS);
    const state = new Database(join(afterCheckpoint, 'state.db'));
    state.exec(`UPDATE facts SET value = ${COMMITS} WHERE name = 'journal'`);
    state.close();
    await expectCorruption(startIn(afterCheckpoint), /row 12 of 1 to 12 is damaged/);
  });

  it('s69 refuses every flipped bit of a row in the middle of the file', async () => {
    const journal = closed['journal.db'] ?? Buffer.alloc(0);
    // The last one: after a split a page still contains old bytes that no row uses.
    const found = journal.lastIndexOf('x'.repeat(100));
    expect(found).toBeGreaterThan(0);
    for (const at of [found, found + 50, found - 1, found - 10]) {
      await expectCorruption(startFrom({ ...closed, 'journal.db': flipBit(journal, at, 3) }), /journal.db/);
    }
  });

  it('s69 refuses rows that are missing', async () => {
    const missing = (where: string): Promise<unknown> =>
      startIn(tamper(closed, 'journal.db', `DELETE FROM slots WHERE ${where}`));
    await expectCorruption(missing('id = 5'), /row 5 is missing/);
    await expectCorruption(missing('id <= 2'), /row 1 is missing/);
    await expectCorruption(missing('id > 10'), /ends at row 10, but row 12/);
    await expectCorruption(missing('true'), /ends at row 0, but row 12/);
  });

  it('s69 refuses rows that are invalid despite a correct checksum', async () => {
    for (const data of [Buffer.from([1, 0, 0, 0, 0, 0]), Buffer.from([1, 1, 0, 0, 0])]) {
      for (const seq of [5, COMMITS]) {
        const what = new RegExp(`row ${seq} of 1 to 12 is damaged`);
        await expectCorruption(startIn(withRow(seq, data)), what);
      }
    }
  });

  it('refuses rows that only a later build can read, by name, wherever they are, and drops none', async () => {
    const entryOf = (kind: number): JournalRecord => ({
      ...{ group: 1, hardState: undefined },
      entries: [{ ...entry(COMMITS, 99), kind: kind as EntryKind }],
    });
    for (const seq of [5, COMMITS]) {
      for (const [data, what] of [
        [Buffer.from([2, 0, 0, 0, 0]), 'journal row version 2 is unknown to this build, which reads 1; a later build'],
        [
          Buffer.from([1, 1, 0, 0, 0, 1, 0, 0, 0, 8]),
          'journal record part 8 is unknown to this build, which reads 1 to 2, 4',
        ],
        [encodeRow([entryOf(9)]), 'entry kind 9 is unknown to this build, which reads 0 to 2; a later build wrote it'],
      ] as const) {
        const directory = withRow(seq, data);
        const before = takeFiles(directory);
        await expect(startIn(directory)).rejects.toThrow(StorageFailure);
        await expect(startIn(directory)).rejects.toThrow(`journal.db: row ${seq}: ${what}`);
        expect(takeFiles(directory)['journal.db']?.equals(before['journal.db'] ?? Buffer.alloc(0))).toBe(true);
      }
    }
  });

  it('s69 refuses files with invalid pages', async () => {
    for (const name of ['journal.db', 'state.db']) {
      const content = Buffer.from(closed[name] ?? []);
      content.fill(0xa5, 4096);
      await expectCorruption(startFrom({ ...closed, [name]: content }), /malformed|not a database|damaged/);
      const noDatabase = Buffer.alloc(8192, 'not a database');
      await expectCorruption(startFrom({ ...closed, [name]: noDatabase }), /not a database/);
    }
  });

  it('s69 refuses two files that do not belong together', async () => {
    const { closed: other } = await makeStore();
    const swapped = { ...closed, 'state.db': other['state.db'] ?? Buffer.alloc(0) };
    await expectCorruption(startFrom(swapped), /not of the same store/);
    const { 'journal.db': journal, 'state.db': state } = closed;
    await expectCorruption(startFrom({ 'journal.db': journal ?? Buffer.alloc(0) }), /state.db is missing/);
    await expectCorruption(startFrom({ 'state.db': state ?? Buffer.alloc(0) }), /journal.db is missing/);
  });

  it('s69 refuses a state that is older than the journal', async () => {
    const directory = putFiles(closed);
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    await storage.checkpoint([{ group: 1, meta: meta(COMMITS, COMMITS), rows: [row('a', 'b')] }]);
    await storage.commit([{ group: 1, hardState: undefined, entries: entries(COMMITS + 1, COMMITS + 3, 20) }]);
    await storage.close();
    const newer = takeFiles(directory);
    const oldState = closed['state.db'] ?? Buffer.alloc(0);
    await expectCorruption(startFrom({ ...newer, 'state.db': oldState }), /state.db is older than journal.db/);
    const oldJournal = closed['journal.db'] ?? Buffer.alloc(0);
    expect((await startFrom(newer)).view[1]).toMatchObject({ snapshot: '12@12', state: { a: 'b' } });
    await expectCorruption(startFrom({ ...newer, 'journal.db': oldJournal }), /ends at row 12, but row 13/);
  });

  it('s69 refuses a journal that does not reach back to the state', async () => {
    const sql = "UPDATE facts SET value = 5 WHERE name = 'trimmed'";
    const directory = tamper(closed, 'journal.db', `DELETE FROM slots WHERE id <= 5; ${sql}`);
    await expectCorruption(startIn(directory), /group 1: journal.db has entries from 6 on, but state.db ends at 0/);
  });

  it('refuses databases of other programs and of other versions', async () => {
    const other = tamper(closed, 'journal.db', 'PRAGMA application_id = 7');
    await expect(startIn(other)).rejects.toThrow(/journal.db is a database of another program/);
    for (const name of ['journal.db', 'state.db']) {
      const newer = tamper(closed, name, 'PRAGMA user_version = 4');
      const what = `${name}: data folder format 4 is unknown to this build, which reads 1 to 3; a later build wrote it`;
      await expect(startIn(newer)).rejects.toThrow(what);
      await expect(startIn(newer)).rejects.toThrow(StorageFailure);
    }
  });

  it('s65 completes a store whose creation was interrupted', async () => {
    const { 'journal.db': journal } = takeFiles(await freshStore());
    expect((await startFrom({ 'journal.db': journal ?? Buffer.alloc(0) })).view).toEqual({});
    const directory = putFiles({});
    writeFileSync(join(directory, 'journal.db'), '');
    expect((await startIn(directory)).view).toEqual({});
  });

  async function freshStore(): Promise<string> {
    const directory = freshFolder();
    await startIn(directory);
    return directory;
  }
});
