/**
 * Reads of the durable state in the caller's own thread: a read-only connection to state.db with prepared statements.
 *
 * Every call sees the slot as of its last complete checkpoint, and is never blocked by the worker's writes. Unreadable
 * and damaged data throw the port's errors, as in the worker.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { STATE_FILE, pageBytesOf } from '../disk/data-folder.js';
import { codeOf, isTransient, toFailure, unreadableError } from '../failure.js';
import type { PinnedState, StateReader } from '../files.js';
import { NO_VALUE, PageBuilder } from '../row-range.js';
import { VALUE, valueIn, type ReadValue } from './large-values.js';
import { ViewUnavailable } from '../storage.js';
import type { PageBounds, RowPage, RowRange, StateKey } from '../storage.js';

type Row = [slot: number, key: Buffer, value?: ReadValue];
type Scan = Database.Statement<[number, Buffer], Row>;

const toBytes = (key: StateKey): Buffer => Buffer.from(key, 'latin1');

/**
 * The bound where a scan begins is a row value, and it has no bound where it ends: whoever reads it stops there. With
 * an ordinary bound on the key SQLite compares every row as a whole, for which it reads all of a value that is in it,
 * although only the key was selected: of values of 100 KB in rows of format 2, 48 µs a key and not 0.8.
 */
function scansOf(db: Database.Database, columns: string): { readonly up: Scan; readonly down: Scan } {
  const scan = (rest: string): Scan =>
    db.prepare<[number, Buffer], Row>(`SELECT ${columns} FROM state WHERE (slot, k) ${rest}`).raw();
  return { up: scan('>= (?, ?) ORDER BY slot, k'), down: scan('< (?, ?) ORDER BY slot DESC, k DESC') };
}

/** Reads ranges over one connection. */
class RangeReader {
  readonly #rows: ReturnType<typeof scansOf>;
  readonly #keys: ReturnType<typeof scansOf>;

  constructor(db: Database.Database) {
    this.#rows = scansOf(db, `slot, k, ${VALUE}`);
    this.#keys = scansOf(db, 'slot, k');
  }

  page(slot: number, range: RowRange, bounds: PageBounds): RowPage {
    const page = new PageBuilder(range, bounds);
    const { from, to, reverse = false, keysOnly = false } = range;
    let last: StateKey | undefined;
    for (const [rowSlot, bytes, value] of this.#scan(slot, range, keysOnly ? this.#keys : this.#rows)) {
      if (rowSlot !== slot) break;
      const key = bytes.toString('latin1');
      if (reverse ? key < from : to !== undefined && key >= to) break;
      if (page.isFull) return page.full(last);
      page.add(key, value === undefined ? NO_VALUE : valueIn(value));
      last = key;
    }
    return page.last();
  }

  #scan(slot: number, { from, to, reverse }: RowRange, { up, down }: ReturnType<typeof scansOf>): Iterable<Row> {
    if (reverse !== true) return up.iterate(slot, toBytes(from));
    return to === undefined ? down.iterate(slot + 1, toBytes('')) : down.iterate(slot, toBytes(to));
  }
}

class SqliteStateReader implements StateReader {
  readonly #db: Database.Database;
  readonly #get: Database.Statement<[number, Buffer], ReadValue>;
  /** In one transaction: a get alone takes a lock of the file and gives it back, which is a good part of its time. */
  readonly #getAll: (slot: number, keys: readonly StateKey[]) => readonly (Buffer | undefined)[];
  readonly #ranges: RangeReader;
  readonly #walFrames: Database.Statement<[], [busy: number, log: number, checkpointed: number]>;

  constructor(directory: string) {
    this.#db = new Database(join(directory, STATE_FILE), { readonly: true, fileMustExist: true });
    this.#get = this.#db
      .prepare<[number, Buffer], ReadValue>(`SELECT ${VALUE} FROM state WHERE slot = ? AND k = ?`)
      .pluck();
    this.#getAll = this.#db.transaction((slot: number, keys: readonly StateKey[]) =>
      keys.map((key) => this.#valueOf(slot, key)),
    );
    this.#ranges = new RangeReader(this.#db);
    this.#walFrames = this.#db
      .prepare<[], [busy: number, log: number, checkpointed: number]>('PRAGMA wal_checkpoint(NOOP)')
      .raw();
  }

  get(slot: number, key: StateKey): Uint8Array | undefined {
    return reading(() => this.#valueOf(slot, key));
  }

  #valueOf(slot: number, key: StateKey): Buffer | undefined {
    const value = this.#get.get(slot, toBytes(key));
    return value === undefined ? undefined : valueIn(value);
  }

  getAll(slot: number, keys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    return reading(() => this.#getAll(slot, keys));
  }

  range(slot: number, range: RowRange, bounds: PageBounds): RowPage {
    return reading(() => this.#ranges.page(slot, range, bounds));
  }

  pin(): PinnedState {
    try {
      return new SqlitePinnedState(this.#db.name, () => Math.max(0, this.#walFrames.get()?.[1] ?? 0));
    } catch (error) {
      const isBusy = codeOf(error).startsWith('SQLITE_BUSY');
      const failure = toFailure(error, `opening a view of ${STATE_FILE}`);
      if (isBusy || isTransient(failure)) throw new ViewUnavailable(failure.message, { cause: error });
      throw unreadableError(error, failure.message) ?? error;
    }
  }

  close(): void {
    this.#db.close();
  }
}

const FRAME_HEADER_BYTES = 24;

/** A read transaction on a connection of its own, which stays open until it is closed. */
class SqlitePinnedState implements PinnedState {
  readonly #db: Database.Database;
  readonly #ranges: RangeReader;
  readonly #walFrames: () => number;
  readonly #frameBytes: number;
  #framesBefore: number;

  constructor(file: string, walFrames: () => number) {
    // Without a timeout: this thread may not wait for a lock.
    this.#db = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 });
    try {
      this.#db.exec('BEGIN');
      // A transaction sees the file as of its first read, not as of its beginning.
      this.#db.prepare('SELECT 1 FROM facts LIMIT 1').get();
      this.#ranges = new RangeReader(this.#db);
      this.#frameBytes = FRAME_HEADER_BYTES + pageBytesOf(this.#db);
      this.#framesBefore = walFrames();
    } catch (error) {
      this.#db.close();
      throw error;
    }
    this.#walFrames = walFrames;
  }

  range(slot: number, range: RowRange, bounds: PageBounds): RowPage {
    return reading(() => this.#ranges.page(slot, range, bounds));
  }

  get walBytes(): number {
    const frames = reading(this.#walFrames);
    // It had been copied completely, so that the next write began it anew.
    if (frames < this.#framesBefore) this.#framesBefore = 0;
    return (frames - this.#framesBefore) * this.#frameBytes;
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
