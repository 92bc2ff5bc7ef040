/** The tables of a new journal.db; see `journal-db.ts` for their contents. */
import type Database from 'better-sqlite3';
import { stampFormat } from '../disk/data-folder.js';

export const CREATE_SLOTS = 'CREATE TABLE slots(id INTEGER PRIMARY KEY, data BLOB NOT NULL)';
const SCHEMA = `
  ${CREATE_SLOTS};
  CREATE TABLE facts(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
  CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  INSERT INTO facts VALUES ('trimmed', 0), ('closed', 0), ('checkpoints', 0);
`;

/** Creates a new journal's tables in one transaction. */
export function createJournal(db: Database.Database, storeId: string): void {
  db.exec('BEGIN IMMEDIATE');
  db.exec(SCHEMA);
  stampFormat(db);
  db.prepare("INSERT INTO facts VALUES ('store', ?)").run(storeId);
  db.exec('COMMIT');
}
