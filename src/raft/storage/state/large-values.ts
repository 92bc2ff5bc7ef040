/**
 * Values that do not fit into a quarter of a page of `state` together with their key are kept in a table of their own.
 *
 * A search in an index tree, as `state` is one, compares its key with rows on the way. Of a row with overflow pages
 * SQLite reads all of these for it, past its cache: one row of 50 KB near the root costs every search 13 reads of the
 * file. A row with a large value has the value's id instead, an integer; triggers delete what no row refers to.
 *
 * Long keys are not kept elsewhere. Rows of data folders of format 2 have their values whatever their size, until they
 * are written again.
 */
import type Database from 'better-sqlite3';
import { corruption } from '../journal/recovery.js';
import { pageBytesOf, STATE_FILE } from '../disk/data-folder.js';

export const CREATE_LARGE_VALUES = `
  CREATE TABLE large(id INTEGER PRIMARY KEY, v BLOB NOT NULL);
  CREATE TRIGGER large_after_update AFTER UPDATE ON state WHEN typeof(old.v) = 'integer'
    BEGIN DELETE FROM large WHERE id = old.v; END;
  CREATE TRIGGER large_after_delete AFTER DELETE ON state WHEN typeof(old.v) = 'integer'
    BEGIN DELETE FROM large WHERE id = old.v; END;
`;

/** In a statement on `state`: the value of the row, wherever it is; NULL if it is nowhere, see `valueIn`. */
export const VALUE = `CASE typeof(v) WHEN 'integer' THEN (SELECT large.v FROM large WHERE large.id = state.v) ELSE v END`;

/** What `VALUE` yields. */
export type ReadValue = Buffer | null;

/** @throws StorageCorruption if a row refers to a value that is not there */
export function valueIn(value: ReadValue): Buffer {
  if (value === null) throw corruption(`${STATE_FILE}: a row refers to a large value that is not there`);
  return value;
}

/** Of a row: its header, and a slot, at most. */
const ROW_HEAD_BYTES = 16;
/** Of an id in a row, at most: smaller values are no larger where they are. */
const REFERENCE_BYTES = 8;

/** Bytes of a key and its value that a page of an index tree keeps, so that the row has no overflow pages. */
const mostInlineBytes = (pageBytes: number): number => Math.floor(((pageBytes - 12) * 64) / 255) - 23 - ROW_HEAD_BYTES;

/** Writes rows of `state`. */
export class RowWriter {
  readonly #put: Database.Statement<[number, Uint8Array, Uint8Array]>;
  readonly #addLarge: Database.Statement<[Uint8Array]>;
  readonly #putLarge: Database.Statement<[number, Uint8Array]>;
  readonly #delete: Database.Statement<[number, Uint8Array]>;
  readonly #mostInlineBytes: number;

  constructor(db: Database.Database) {
    const put = (value: string): string =>
      `INSERT INTO state VALUES (?, ?, ${value}) ON CONFLICT(slot, k) DO UPDATE SET v = excluded.v`;
    this.#put = db.prepare(put('?'));
    this.#addLarge = db.prepare('INSERT INTO large(v) VALUES (?)');
    this.#putLarge = db.prepare(put('last_insert_rowid()'));
    this.#delete = db.prepare('DELETE FROM state WHERE slot = ? AND k = ?');
    this.#mostInlineBytes = mostInlineBytes(pageBytesOf(db));
  }

  /** @param value undefined: the row is deleted */
  write(slot: number, key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.#delete.run(slot, key);
    else if (this.#isInline(key, value)) this.#put.run(slot, key, value);
    else {
      this.#addLarge.run(value);
      this.#putLarge.run(slot, key);
    }
  }

  #isInline(key: Uint8Array, value: Uint8Array): boolean {
    return key.length + value.length <= this.#mostInlineBytes || value.length <= REFERENCE_BYTES;
  }
}
