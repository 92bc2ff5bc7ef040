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
import { NO_VALUE, PageBuilder } from '../row-range.js';
import type { PageBounds, RowPage, RowRange, StateKey } from '../storage.js';

type Row = [slot: number, key: Buffer, value?: Buffer];
type Scan = Database.Statement<[number, Buffer], Row>;

const toBytes = (key: StateKey): Buffer => Buffer.from(key, 'latin1');

/**
 * The bound where a scan begins is a row value, and it has no bound where it ends: whoever reads it stops there. With
 * an ordinary bound on the key SQLite compares every row as a whole, for which it reads all of the value, although only
 * the key was selected: of values of 100 KB, 48 µs a key and not 0.8.
 */
function scansOf(db: Database.Database, columns: string): { readonly up: Scan; readonly down: Scan } {
  const scan = (rest: string): Scan =>
    db.prepare<[number, Buffer], Row>(`SELECT ${columns} FROM state WHERE (slot, k) ${rest}`).raw();
  return { up: scan('>= (?, ?) ORDER BY slot, k'), down: scan('< (?, ?) ORDER BY slot DESC, k DESC') };
}

class SqliteStateReader implements StateReader {
  readonly #db: Database.Database;
  readonly #get: Database.Statement<[number, Buffer], Buffer>;
  readonly #rows: ReturnType<typeof scansOf>;
  readonly #keys: ReturnType<typeof scansOf>;

  constructor(directory: string) {
    this.#db = new Database(join(directory, STATE_FILE), { readonly: true, fileMustExist: true });
    this.#get = this.#db.prepare<[number, Buffer], Buffer>('SELECT v FROM state WHERE slot = ? AND k = ?').pluck();
    this.#rows = scansOf(this.#db, 'slot, k, v');
    this.#keys = scansOf(this.#db, 'slot, k');
  }

  get(slot: number, key: StateKey): Uint8Array | undefined {
    return reading(() => this.#get.get(slot, toBytes(key)));
  }

  range(slot: number, range: RowRange, bounds: PageBounds): RowPage {
    return reading(() => this.#page(slot, range, bounds));
  }

  #page(slot: number, range: RowRange, bounds: PageBounds): RowPage {
    const page = new PageBuilder(range, bounds);
    const { from, to, reverse = false, keysOnly = false } = range;
    let last: StateKey | undefined;
    for (const [rowSlot, bytes, value = NO_VALUE] of this.#scan(slot, range, keysOnly ? this.#keys : this.#rows)) {
      if (rowSlot !== slot) break;
      const key = bytes.toString('latin1');
      if (reverse ? key < from : to !== undefined && key >= to) break;
      if (page.isFull) return page.full(last);
      page.add(key, value);
      last = key;
    }
    return page.last();
  }

  #scan(slot: number, { from, to, reverse }: RowRange, { up, down }: ReturnType<typeof scansOf>): Iterable<Row> {
    if (reverse !== true) return up.iterate(slot, toBytes(from));
    return to === undefined ? down.iterate(slot + 1, toBytes('')) : down.iterate(slot, toBytes(to));
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
