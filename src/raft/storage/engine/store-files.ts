/**
 * Opens a store's two files and checks that they belong to one store. Runs in the worker.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { JOURNAL_FILE, STATE_FILE, hasTables, holdDataFolder, openDatabase, pageBytesOf } from '../disk/data-folder.js';
import type { DataFolder } from '../disk/data-folder.js';
import type { StoreFiles } from '../files.js';
import { JOURNAL_PAGE_BYTES, JournalDb } from '../journal/journal-db.js';
import type { JournalDbOptions } from '../journal/journal-db.js';
import { createJournal } from '../journal/schema.js';
import type { CheckpointWal } from '../worker/wal-checkpointer.js';
import { migrate } from './migrations.js';
import { errorClassifier } from '../disk/quota-probe.js';
import type { ErrorClassifier } from '../disk/quota-probe.js';
import { corruption } from '../journal/recovery.js';
import { SqliteSnapshotSource } from '../state/snapshot-source.js';
import type { FileSizes } from '../storage.js';
import { STATE_PAGE_BYTES, STATE_WAL_BYTES, StateDb, createState } from '../state/state-db.js';
import { damagedFrame } from '../disk/wal-check.js';

export interface StoreFilesOptions {
  /** Size of state.db's WAL at which it is checkpointed. */
  readonly walBytes?: number;
  readonly checkpointWal?: CheckpointWal;
  /** Called with each database after it was opened. */
  readonly onDatabase?: (db: Database.Database) => void;
  /** See `quota-probe.ts`. */
  readonly probe?: (folder: string, bytes: number) => void;
}

export function openStoreFiles(
  directory: string,
  maxJournalBytes: number | undefined,
  { walBytes = STATE_WAL_BYTES, checkpointWal, onDatabase, probe }: StoreFilesOptions = {},
): StoreFiles {
  const folder = holdDataFolder(directory);
  const whyFailed = errorClassifier(folder.path, probe);
  const opened: Database.Database[] = [];
  try {
    // journal.db has had no WAL since format 2.
    for (const file of [JOURNAL_FILE, STATE_FILE]) {
      const frame = damagedFrame(join(folder.path, `${file}-wal`));
      if (frame !== undefined) throw corruption(`${file}-wal: frame ${frame} is damaged, and whole ones follow`);
    }
    const openJournal = (): Database.Database => {
      const db = openForCommits(folder, whyFailed);
      onDatabase?.(db);
      if (maxJournalBytes === undefined) return db;
      db.pragma(`max_page_count = ${Math.max(1, Math.floor(maxJournalBytes / pageBytesOf(db)))}`);
      return db;
    };
    const journalDb = openJournal();
    opened.push(journalDb);
    const stateDb = openDatabase(folder, STATE_FILE, { pageBytes: STATE_PAGE_BYTES, walBytes });
    opened.push(stateDb);
    onDatabase?.(stateDb);
    // Only after both were found to have a format that this build reads.
    migrate(journalDb, JOURNAL_FILE);
    migrate(stateDb, STATE_FILE);
    return {
      ...pair(
        journalDb,
        { reopen: openJournal, maxBytes: maxJournalBytes, whyFailed },
        stateDb,
        walBytes,
        checkpointWal,
      ),
      sizes: () => sizesIn(folder.path),
      openSnapshot: (group) => SqliteSnapshotSource.open(folder.path, group),
      release: () => {
        folder.release();
      },
    };
  } catch (error) {
    // Classified before the files are closed, because closing may free space.
    const reason = whyFailed(error);
    for (const db of opened) db.close();
    folder.release();
    throw reason;
  }
}

/** Uses names: closing a descriptor would release the locks that this process has on the file (POSIX). */
function sizesIn(folder: string): FileSizes {
  const size = (file: string): number => statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0;
  return { journal: size(JOURNAL_FILE), state: size(STATE_FILE), stateWal: size(`${STATE_FILE}-wal`) };
}

/** Opening may roll back an interrupted transaction, which writes; so its error is classified like one of a write. */
function openForCommits(folder: DataFolder, whyFailed: ErrorClassifier): Database.Database {
  try {
    return openDatabase(folder, JOURNAL_FILE, { pageBytes: JOURNAL_PAGE_BYTES, walBytes: undefined });
  } catch (error) {
    throw whyFailed(error);
  }
}

function pair(
  journalDb: Database.Database,
  options: JournalDbOptions,
  stateDb: Database.Database,
  walBytes: number,
  checkpointWal: CheckpointWal | undefined,
): Pick<StoreFiles, 'journal' | 'state'> {
  if (!hasTables(journalDb)) {
    if (hasTables(stateDb)) throw corruption('journal.db is missing or empty, although state.db is there');
    createJournal(journalDb, randomUUID());
  }
  const journal = new JournalDb(journalDb, options);
  if (!hasTables(stateDb)) {
    // The journal is created first; a store that was used has had state.db since its first start.
    const isUsed = journal.last !== undefined || journal.truncatedTo > 0 || journal.metas().length > 0;
    if (isUsed) throw corruption('state.db is missing or empty, although journal.db is there');
    createState(stateDb, journal.storeId);
  }
  const state = new StateDb(stateDb, walBytes, options.whyFailed, checkpointWal);
  if (journal.storeId !== state.storeId) throw corruption('journal.db and state.db are not of the same store');
  return { journal, state };
}
