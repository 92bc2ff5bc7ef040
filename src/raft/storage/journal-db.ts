/**
 * journal.db: one row per durable commit. Runs in the worker; knows rows as bytes, no groups.
 *
 *     commits(seq, crc, data)   numbered without holes; the newest row always stays
 *     facts(name, value)        store: which store it belongs to; trimmed, closed: row numbers; checkpoints: see below
 *     meta(name, value)         small named values of the node
 */
import type Database from 'better-sqlite3';
import { crc32c } from './crc32c.js';
import { pageBytesOf, stampFormat } from './data-folder.js';
import type { JournalFile } from './files.js';
import type { RawRow } from './recovery.js';

const SCHEMA = `
  CREATE TABLE commits(seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, data BLOB NOT NULL);
  CREATE TABLE facts(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
  CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  INSERT INTO facts VALUES ('trimmed', 0), ('closed', 0), ('checkpoints', 0);
`;
/**
 * Small, for a commit writes some pages besides its data, whole: leaf, parent, free list, first page. A row of 6 KB
 * was 7 pages of 4096 bytes in the write-ahead log, it is 9 of 1024.
 */
export const JOURNAL_PAGE_BYTES = 1024;
/**
 * So much is written to the write-ahead log before it is copied back. Pages that trimmed rows left and later ones took
 * are copied once, so a log of several times the journal's size spares most of the copying. While it grows for the
 * first time syncs are twice as slow (the file system notes each new length), so it is not larger than it has to be.
 */
export const JOURNAL_WAL_BYTES = 16 * 1024 * 1024;
/** Pages that a commit writes besides those of its data, about. */
const EXTRA_PAGES = 3;

interface NumberRow {
  readonly n: number | null;
}

/** A new journal's tables, complete or not at all. */
export function createJournal(db: Database.Database, storeId: string): void {
  db.exec('BEGIN IMMEDIATE');
  db.exec(SCHEMA);
  stampFormat(db);
  db.prepare("INSERT INTO facts VALUES ('store', ?)").run(storeId);
  db.exec('COMMIT');
}

export class JournalDb implements JournalFile {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement<[number, number, Uint8Array]>;
  readonly #begin: Database.Statement<[]>;
  readonly #commit: Database.Statement<[]>;
  readonly #walBytes: number;
  readonly #pageBytes: number;
  #walPages = 0;

  constructor(db: Database.Database, walBytes: number) {
    this.#db = db;
    this.#walBytes = walBytes;
    this.#pageBytes = pageBytesOf(db);
    this.#insert = db.prepare('INSERT INTO commits VALUES (?, ?, ?)');
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
  }

  get storeId(): string {
    return String(this.#fact('store'));
  }

  get trimmed(): number {
    return Number(this.#fact('trimmed'));
  }

  get closed(): number {
    return Number(this.#fact('closed'));
  }

  get checkpointsDue(): number {
    return Number(this.#fact('checkpoints'));
  }

  get last(): number | undefined {
    return this.#db.prepare<[], NumberRow>('SELECT max(seq) AS n FROM commits').get()?.n ?? undefined;
  }

  #fact(name: string): unknown {
    return this.#db.prepare<[string]>('SELECT value FROM facts WHERE name = ?').pluck().get(name);
  }

  load(after: number, maxBytes: number): RawRow[] {
    const rows: RawRow[] = [];
    let bytes = 0;
    const select = this.#db.prepare<[number], RawRow>('SELECT seq, crc, data FROM commits WHERE seq > ? ORDER BY seq');
    for (const row of select.iterate(after)) {
      rows.push(row);
      bytes += row.data.length;
      if (bytes >= maxBytes) break;
    }
    return rows;
  }

  row(seq: number): RawRow {
    const row = this.#db.prepare<[number], RawRow>('SELECT seq, crc, data FROM commits WHERE seq = ?').get(seq);
    if (row === undefined) throw new Error(`journal.db: row ${seq} is gone`);
    return row;
  }

  metas(): (readonly [string, Uint8Array])[] {
    return this.#db.prepare<[], readonly [string, Uint8Array]>('SELECT name, value FROM meta').raw().all();
  }

  transaction(work: () => void): void {
    this.#begin.run();
    work();
    this.#commit.run();
  }

  append(seq: number, data: Uint8Array): void {
    this.#insert.run(seq, crc32c(data), data);
    this.#walPages += EXTRA_PAGES + Math.ceil(data.length / this.#pageBytes);
  }

  putMeta(name: string, value: Uint8Array): void {
    this.#db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value);
    this.#walPages += 2;
  }

  dropTorn(seq: number): void {
    this.#db.prepare('DELETE FROM commits WHERE seq = ?').run(seq);
  }

  trim(to: number, checkpoints: number, limit: number): boolean {
    const end = Math.min(to, this.trimmed + limit);
    this.transaction(() => {
      const { changes } = this.#db.prepare('DELETE FROM commits WHERE seq <= ?').run(end);
      this.#setFact('trimmed', end);
      this.#setFact('checkpoints', checkpoints);
      this.#walPages += 2 + changes;
    });
    return end === to;
  }

  #setFact(name: string, value: number): void {
    this.#db.prepare('UPDATE facts SET value = ? WHERE name = ?').run(value, name);
  }

  /** Copies the write-ahead log back if it has grown long; true if it did. Nobody should be waiting meanwhile. */
  copyBack(): boolean {
    if (this.#walPages * this.#pageBytes < this.#walBytes) return false;
    this.#walPages = 0;
    this.#db.pragma('wal_checkpoint(PASSIVE)');
    return true;
  }

  vouch(): number {
    const last = this.last ?? this.trimmed;
    if (last !== this.closed) {
      this.transaction(() => {
        this.#setFact('closed', last);
      });
    }
    return last;
  }

  close(): void {
    this.#db.close();
  }
}
