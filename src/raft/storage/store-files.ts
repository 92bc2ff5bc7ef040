/**
 * Opens a store's two files and makes sure that they are two halves of one store. Runs in the worker.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { JOURNAL_FILE, STATE_FILE, hasTables, holdDataFolder, openDatabase, pageBytesOf } from './data-folder.js';
import type { StoreFiles } from './files.js';
import { JOURNAL_PAGE_BYTES, JOURNAL_WAL_BYTES, JournalDb, createJournal } from './journal-db.js';
import { corruption } from './recovery.js';
import { SqliteSnapshotSource } from './snapshot-source.js';
import { STATE_PAGE_BYTES, STATE_WAL_BYTES, StateDb, createState } from './state-db.js';
import { damagedFrame } from './wal-check.js';

/** Bytes of the write-ahead logs after which they are copied back. */
export interface WalBytes {
  readonly journal: number;
  readonly state: number;
}

const WAL_BYTES: WalBytes = { journal: JOURNAL_WAL_BYTES, state: STATE_WAL_BYTES };

export function openStoreFiles(
  directory: string,
  maxJournalBytes: number | undefined,
  walBytes: WalBytes = WAL_BYTES,
): StoreFiles {
  const folder = holdDataFolder(directory);
  const opened: Database.Database[] = [];
  try {
    for (const file of [JOURNAL_FILE, STATE_FILE]) {
      const frame = damagedFrame(join(folder.path, `${file}-wal`));
      if (frame !== undefined) throw corruption(`${file}-wal: frame ${frame} is damaged, and whole ones follow`);
    }
    const journalDb = openDatabase(folder, JOURNAL_FILE, {
      exclusive: true,
      pageBytes: JOURNAL_PAGE_BYTES,
      walBytes: walBytes.journal,
    });
    opened.push(journalDb);
    if (maxJournalBytes !== undefined) {
      journalDb.pragma(`max_page_count = ${Math.max(1, Math.floor(maxJournalBytes / pageBytesOf(journalDb)))}`);
    }
    const stateDb = openDatabase(folder, STATE_FILE, {
      exclusive: false,
      pageBytes: STATE_PAGE_BYTES,
      walBytes: walBytes.state,
    });
    opened.push(stateDb);
    return {
      ...pair(journalDb, stateDb, walBytes),
      openSnapshot: (group) => SqliteSnapshotSource.open(folder.path, group),
      release: () => {
        folder.release();
      },
    };
  } catch (error) {
    for (const db of opened) db.close();
    folder.release();
    throw error;
  }
}

function pair(
  journalDb: Database.Database,
  stateDb: Database.Database,
  walBytes: WalBytes,
): Pick<StoreFiles, 'journal' | 'state'> {
  if (!hasTables(journalDb)) {
    if (hasTables(stateDb)) throw corruption('journal.db is missing or empty, although state.db is there');
    createJournal(journalDb, randomUUID());
  }
  const journal = new JournalDb(journalDb, walBytes.journal);
  if (!hasTables(stateDb)) {
    // The journal is made first; a store that was used has state.db from its first start on.
    const isUsed = journal.last !== undefined || journal.trimmed > 0 || journal.metas().length > 0;
    if (isUsed) throw corruption('state.db is missing or empty, although journal.db is there');
    createState(stateDb, journal.storeId);
  }
  const state = new StateDb(stateDb, walBytes.state);
  if (journal.storeId !== state.storeId) throw corruption('journal.db and state.db are not of the same store');
  return { journal, state };
}
