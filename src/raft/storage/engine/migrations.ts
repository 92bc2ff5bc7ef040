/**
 * Migrates the files of a data folder from an older format to this build's, one format at a time, at start.
 *
 * Each file records its own format (`user_version`), and each step of a file is one transaction that includes the new
 * number: a crash leaves the old format or the new one, and the next start continues from there, whichever file is
 * behind. A format newer than this build's is refused before anything is changed (`data-folder.ts`). Migration is
 * one-way: builds older than the new format refuse the folder. Runs in the worker.
 *
 * | from | to | journal.db | state.db |
 * |---|---|---|---|
 * | 1 | 2 | rows move from their own table into slots of one page each; pages of 4096 bytes | only the number changes |
 * | 2 | 3 | only the number changes | large values may be in a table of their own; those that are in rows stay there |
 */
import type Database from 'better-sqlite3';
import { RAFT_FORMATS, numberWritten } from '../../formats.js';
import {
  JOURNAL_FILE,
  STATE_FILE,
  formatOf,
  hasTables,
  pageBytesOf,
  setFormat,
  type FolderFile,
} from '../disk/data-folder.js';
import { JOURNAL_PAGE_BYTES, slotBytesOf } from '../journal/journal-db.js';
import { CREATE_SLOTS } from '../journal/schema.js';
import { partsOf, writeSlot } from '../journal/slot.js';
import { CREATE_LARGE_VALUES } from '../state/large-values.js';
import type { RawRow } from '../journal/recovery.js';

export interface Migration {
  /** The format that this step migrates to the next one. */
  readonly from: number;
  /** Runs before the transaction, and again if the step was interrupted. */
  readonly prepare?: (db: Database.Database, file: FolderFile) => void;
  /** Runs in the transaction. */
  readonly change: (db: Database.Database, file: FolderFile) => void;
}

export const MIGRATIONS: readonly Migration[] = [
  { from: 1, prepare: widenPages, change: rowsIntoSlots },
  { from: 2, change: addLargeValues },
];

const FORMAT = numberWritten(RAFT_FORMATS.dataFolder);

/** @throws errors of the disk; the file then has the format of the last completed step */
export function migrate(db: Database.Database, file: FolderFile, migrations = MIGRATIONS): void {
  if (!hasTables(db)) return;
  for (let format = formatOf(db); format < FORMAT; format++) {
    const step = migrations.find(({ from }) => from === format);
    if (step === undefined) throw new Error(`${file}: nothing leads on from data folder format ${format}`);
    step.prepare?.(db, file);
    db.exec('BEGIN IMMEDIATE');
    try {
      step.change(db, file);
      setFormat(db, format + 1);
      db.exec('COMMIT');
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

function widenPages(db: Database.Database, file: FolderFile): void {
  if (file !== JOURNAL_FILE || pageBytesOf(db) === JOURNAL_PAGE_BYTES) return;
  db.pragma(`page_size = ${JOURNAL_PAGE_BYTES}`);
  db.exec('VACUUM');
}

/** A row keeps its number and its checksum, even a wrong one: recovery checks it like any other. */
function rowsIntoSlots(db: Database.Database, file: FolderFile): void {
  if (file !== JOURNAL_FILE) return;
  db.exec(CREATE_SLOTS);
  const insert = db.prepare<[number, Uint8Array]>('INSERT INTO slots VALUES (?, ?)');
  const slotBytes = slotBytesOf(db);
  const slot = Buffer.alloc(slotBytes);
  let id = 0;
  const numbers = db.prepare<[], number>('SELECT seq FROM commits ORDER BY seq').pluck().all();
  const select = db.prepare<[number], RawRow>('SELECT seq, crc, data FROM commits WHERE seq = ?');
  for (const number of numbers) {
    const row = select.get(number);
    if (row === undefined) continue;
    const { seq, crc, data } = row;
    const parts = partsOf(data.length, slotBytes);
    for (let part = 0; part < parts; part++) {
      writeSlot(slot, { seq, batch: seq, part, parts, rowBytes: data.length, rowCrc: crc }, data);
      insert.run(++id, slot);
    }
  }
  db.exec('DROP TABLE commits');
}

/** Values stay where they are: to move those of a large folder would hold its start up for minutes. */
function addLargeValues(db: Database.Database, file: FolderFile): void {
  if (file === STATE_FILE) db.exec(CREATE_LARGE_VALUES);
}
