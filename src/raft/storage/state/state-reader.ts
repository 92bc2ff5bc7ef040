/**
 * Reads of the durable state in the caller's own thread: a read-only connection to state.db with prepared statements.
 *
 * Every call sees the slot as of its last complete checkpoint, and is never blocked by the worker's writes. Unreadable
 * and damaged data throw the port's errors, as in the worker.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { STATE_FILE } from '../disk/data-folder.js';
import { unreadableError } from '../failure.js';
import type { StateReader } from '../files.js';
import { prefixEnd } from './state-rows.js';
import type { StateKey } from '../storage.js';

type KeyValue = [Buffer, Buffer];

const toBytes = (key: StateKey): Buffer => Buffer.from(key, 'latin1');

class SqliteStateReader implements StateReader {
  readonly #db: Database.Database;
  readonly #get: Database.Statement<[number, Buffer], Buffer>;
  readonly #scan: Database.Statement<[number, Buffer, Buffer, number], KeyValue>;
  readonly #scanToEnd: Database.Statement<[number, Buffer, number], KeyValue>;

  constructor(directory: string) {
    this.#db = new Database(join(directory, STATE_FILE), { readonly: true, fileMustExist: true });
    this.#get = this.#db.prepare<[number, Buffer], Buffer>('SELECT v FROM state WHERE slot = ? AND k = ?').pluck();
    this.#scan = this.#db
      .prepare<[number, Buffer, Buffer, number], KeyValue>(
        'SELECT k, v FROM state WHERE slot = ? AND k >= ? AND k < ? ORDER BY k LIMIT ?',
      )
      .raw();
    this.#scanToEnd = this.#db
      .prepare<[number, Buffer, number], KeyValue>(
        'SELECT k, v FROM state WHERE slot = ? AND k >= ? ORDER BY k LIMIT ?',
      )
      .raw();
  }

  get(slot: number, key: StateKey): Uint8Array | undefined {
    return reading(() => this.#get.get(slot, toBytes(key)));
  }

  scan(slot: number, prefix: StateKey, after: StateKey | undefined, limit: number): [StateKey, Uint8Array][] {
    // The smallest key after another one is that key followed by a zero byte.
    const from = toBytes(after === undefined || after < prefix ? prefix : `${after}\0`);
    const end = prefixEnd(prefix);
    const rows = reading(() =>
      end === undefined ? this.#scanToEnd.all(slot, from, limit) : this.#scan.all(slot, from, toBytes(end), limit),
    );
    return rows.map(([key, value]) => [key.toString('latin1'), value]);
  }

  close(): void {
    this.#db.close();
  }
}

/** Opening also reads: the layout of the file. */
export const openStateReader = (directory: string): StateReader => reading(() => new SqliteStateReader(directory));

/** @throws StorageCorruption, StorageFailure if the file cannot be read; rethrows any other error */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadableError(error, `reading ${STATE_FILE}`) ?? error;
  }
}
