/** Data folders of former formats: migrated step by step, also by starts that are interrupted. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { RAFT_FORMATS, numberWritten } from '../../../src/raft/formats.js';
import { formatOf, holdDataFolder, openDatabase } from '../../../src/raft/storage/disk/data-folder.js';
import { JOURNAL_PAGE_BYTES } from '../../../src/raft/storage/journal/journal-db.js';
import { MIGRATIONS, migrate, type Migration } from '../../../src/raft/storage/engine/migrations.js';
import { SqliteStorage, StorageCorruption } from '../../../src/raft/storage/index.js';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';
import { flipBit, putFiles, startIn, takeFiles } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const fixture = (format: number): string =>
  fileURLToPath(new URL(`../../fixtures/folder-of-format-${format}.tar.gz`, import.meta.url));
const FORMAT = numberWritten(RAFT_FORMATS.dataFolder);
/** Row key of `long`, as that build encoded it. */
const LONG_KEY = '\0@long';
const LONG = Buffer.from(LONG_KEY, 'latin1');
/** The journal rows that are not in a checkpoint, as reported by the build that wrote the fixture. */
const ROWS = Array.from({ length: 26 }, (_, i) => 24 + i);

function formerFolder(format = 1): string {
  const folder = freshFolder();
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', fixture(format), '-C', folder]);
  return join(folder, 'n1');
}

/** Runs `use` on the journal, opened as the store itself does. */
function inJournal<T>(directory: string, use: (db: Database.Database) => T): T {
  const folder = holdDataFolder(directory);
  const db = openDatabase(folder, 'journal.db', { pageBytes: JOURNAL_PAGE_BYTES, walBytes: undefined });
  try {
    return use(db);
  } finally {
    db.close();
    folder.release();
  }
}

const formats = (directory: string): number[] =>
  ['journal.db', 'state.db'].map((name) => {
    const db = new Database(join(directory, name));
    const format = formatOf(db);
    db.close();
    return format;
  });

describe('migrations', () => {
  removeFoldersAfterEach();

  it('lead from every format that this build reads to the one it writes', () => {
    const former = RAFT_FORMATS.dataFolder.read.filter((number) => number !== FORMAT);
    expect(MIGRATIONS.map(({ from }) => from)).toEqual(former);
  });

  it('1 → 2: keeps every journal row with its entries, and the state; and runs once', async () => {
    const directory = formerFolder();
    const before = inJournal(directory, (db) => db.prepare('SELECT seq, crc, data FROM commits').all());
    expect(before.map((row) => (row as { seq: number }).seq)).toEqual(ROWS);
    const { view, notices } = await startIn(directory);
    expect(notices).toEqual([]);
    expect(formats(directory)).toEqual([FORMAT, FORMAT]);
    // The last put, of 10,000 bytes, takes three slots.
    expect(view[1]?.log.concat(view[2]?.log ?? []).filter((line) => line.includes('x'.repeat(10_000)))).toHaveLength(1);
    expect(inJournal(directory, (db) => db.pragma('page_size', { simple: true }))).toBe(JOURNAL_PAGE_BYTES);
    expect((await startIn(directory)).view).toEqual(view);
  });

  it('2 → 3: a large value stays in its row until it is written again', async () => {
    const directory = formerFolder(2);
    const types = (): unknown => {
      const db = new Database(join(directory, 'state.db'));
      const rows = db.prepare('SELECT length(k) AS bytes, typeof(v) AS type FROM state WHERE k = ?').all(LONG);
      const large = db.prepare('SELECT count(*) FROM large').pluck().get();
      db.close();
      return { rows, large };
    };
    const { view, notices } = await startIn(directory);
    expect(notices).toEqual([]);
    expect(formats(directory)).toEqual([FORMAT, FORMAT]);
    const [group, { state = {} } = {}] = Object.entries(view).find(([, { state }]) => LONG_KEY in state) ?? [];
    expect(state[LONG_KEY]).toMatch(/x{10000}$/);
    expect(types()).toEqual({ rows: [{ bytes: LONG.length, type: 'blob' }], large: 0 });

    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    const recovered = (await storage.open()).groups.get(Number(group));
    if (recovered === undefined) throw new Error('the group is not there');
    const row = [LONG_KEY, storage.read(Number(group), LONG_KEY)] as const;
    await storage.checkpoint([{ group: Number(group), meta: recovered.snapshot, rows: [row] }]);
    await storage.close();
    expect(types()).toEqual({ rows: [{ bytes: LONG.length, type: 'integer' }], large: 1 });
    expect((await startIn(directory)).view).toEqual(view);
  });

  it('an interrupted start leaves a folder that the next start migrates', async () => {
    const whole = await startIn(formerFolder());
    const [step] = MIGRATIONS;
    if (step === undefined) throw new Error('there is no migration');
    const cut = (): never => {
      throw new Error('cut short');
    };
    const cutShort: readonly Migration[] = [
      { ...step, prepare: cut },
      { ...step, change: cut },
      {
        ...step,
        change: (db, file) => {
          step.change(db, file);
          cut();
        },
      },
    ];
    for (const migration of cutShort) {
      const directory = formerFolder();
      inJournal(directory, (db) => {
        expect(() => {
          migrate(db, 'journal.db', [migration]);
        }).toThrow('cut short');
        expect(formatOf(db)).toBe(1);
      });
      expect((await startIn(directory)).view).toEqual(whole.view);
    }
    // The journal is of the new format, the state not yet.
    const between = formerFolder();
    inJournal(between, (db) => {
      migrate(db, 'journal.db');
    });
    expect(formats(between)).toEqual([FORMAT, 1]);
    expect((await startIn(between)).view).toEqual(whole.view);
    expect(formats(between)).toEqual([FORMAT, FORMAT]);
  });

  it('2 → 3: an interrupted one leaves the state as it was', async () => {
    const whole = await startIn(formerFolder(2));
    const step = MIGRATIONS.find(({ from }) => from === 2);
    if (step === undefined) throw new Error('there is no such migration');
    const directory = formerFolder(2);
    const db = new Database(join(directory, 'state.db'));
    const cut: Migration = {
      ...step,
      change: (...given) => {
        step.change(...given);
        throw new Error('cut short');
      },
    };
    expect(() => {
      migrate(db, 'state.db', [cut]);
    }).toThrow('cut short');
    expect(formatOf(db)).toBe(2);
    expect(db.prepare("SELECT name FROM sqlite_master WHERE name LIKE 'large%'").all()).toEqual([]);
    db.close();
    expect((await startIn(directory)).view).toEqual(whole.view);
  });

  it('change nothing if a file is of a later format', async () => {
    const directory = formerFolder();
    const state = new Database(join(directory, 'state.db'));
    state.pragma('user_version = 4');
    state.close();
    await expect(startIn(directory)).rejects.toThrow('state.db: data folder format 4 is unknown to this build');
    expect(formats(directory)).toEqual([1, 4]);
  });

  it('s69 refuse a damaged WAL', async () => {
    const directory = formerFolder();
    const log = execFileSync('cat', [join(directory, 'journal.db-wal')]);
    const damaged = putFiles({ ...takeFiles(directory), 'journal.db-wal': flipBit(log, 5_000) });
    await expect(startIn(damaged)).rejects.toThrow(StorageCorruption);
    await expect(startIn(damaged)).rejects.toThrow(/journal.db-wal: frame \d+ is damaged/);
  });
});
