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
import { StorageCorruption } from '../../../src/raft/storage/index.js';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';
import { flipBit, putFiles, startIn, takeFiles } from './support/files.js';

const FIXTURE = fileURLToPath(new URL('../../fixtures/folder-of-format-1.tar.gz', import.meta.url));
const FORMAT = numberWritten(RAFT_FORMATS.dataFolder);
/** The journal rows that are not in a checkpoint, as reported by the build that wrote the fixture. */
const ROWS = Array.from({ length: 26 }, (_, i) => 24 + i);

function formerFolder(): string {
  const folder = freshFolder();
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', FIXTURE, '-C', folder]);
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
    expect(formats(directory)).toEqual([2, 2]);
    // The last put, of 10,000 bytes, takes three slots.
    expect(view[1]?.log.concat(view[2]?.log ?? []).filter((line) => line.includes('x'.repeat(10_000)))).toHaveLength(1);
    expect(inJournal(directory, (db) => db.pragma('page_size', { simple: true }))).toBe(JOURNAL_PAGE_BYTES);
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
    expect(formats(between)).toEqual([2, 1]);
    expect((await startIn(between)).view).toEqual(whole.view);
    expect(formats(between)).toEqual([2, 2]);
  });

  it('change nothing if a file is of a later format', async () => {
    const directory = formerFolder();
    const state = new Database(join(directory, 'state.db'));
    state.pragma('user_version = 3');
    state.close();
    await expect(startIn(directory)).rejects.toThrow('state.db: data folder format 3 is unknown to this build');
    expect(formats(directory)).toEqual([1, 3]);
  });

  it('s69 refuse a damaged WAL', async () => {
    const directory = formerFolder();
    const log = execFileSync('cat', [join(directory, 'journal.db-wal')]);
    const damaged = putFiles({ ...takeFiles(directory), 'journal.db-wal': flipBit(log, 5_000) });
    await expect(startIn(damaged)).rejects.toThrow(StorageCorruption);
    await expect(startIn(damaged)).rejects.toThrow(/journal.db-wal: frame \d+ is damaged/);
  });
});
