/**
 * journal.db: one row of opaque bytes per durable commit, in slots that are overwritten in place. Runs in the worker.
 *
 *     slots(id, data)       one page each; see `slot.ts` for their layout, `slot-map.ts` for which row is where
 *     facts(name, value)    store: id of the store; trimmed, closed, checkpoints: see `JournalFile`
 *     meta(name, value)     small named values of the node
 *
 * A commit overwrites free slots with data of the same size. That changes bytes of table leaves but not SQLite's page
 * structure, so it needs no rollback journal (`journal_mode = MEMORY`): one write per slot and one sync. A crash may
 * tear only the slots being written, which were free, and their rows' checksums show it. Everything else (new slots,
 * facts, metas) is written with a rollback journal on the disk (`journal_mode = TRUNCATE`), and each mode's
 * transactions are synced before the other mode's begin.
 *
 * A transaction that finds no space has overwritten only free slots, or can be rolled back. `recover` then does what a
 * start after a crash does: it reopens the file, which rolls back, and drops everything after the last durable row.
 */
import type Database from 'better-sqlite3';
import { crc32c } from './crc32c.js';
import { pageBytesOf } from '../disk/data-folder.js';
import { isUnopened } from '../failure.js';
import type { JournalFile } from '../files.js';
import { SLOT_BYTES } from './journal-index.js';
import { slotsForCommits } from './quota.js';
import { SLOT_HEADER_BYTES, partsOf, readSlotHeader, writeSlot } from './slot.js';
import { SlotMap } from './slot-map.js';
import type { PlacedRow } from './slot-map.js';
import type { ErrorClassifier } from '../disk/quota-probe.js';
import { corruption } from './recovery.js';
import type { RawRow } from './recovery.js';
import { JournalFull } from '../storage.js';

/** A slot is one page, of the size that file systems use: it is written without a read, and nothing else with it. */
export const JOURNAL_PAGE_BYTES = SLOT_BYTES;
/** Overhead of a table leaf that holds one blob (https://www.sqlite.org/fileformat2.html#b_tree_pages). */
const LEAF_OVERHEAD_BYTES = 40;
/** Slots added at a time (256 KiB, about a millisecond), before the free ones run out. */
const PREALLOCATED_SLOTS = 64;
const MIN_FREE_SLOTS = 32;

interface NewRow {
  readonly seq: number;
  readonly data: Uint8Array;
}

/** Contents of the open transaction. */
interface Pending {
  readonly rows: NewRow[];
  readonly metas: (readonly [string, Uint8Array])[];
}

export const slotBytesOf = (db: Database.Database): number => pageBytesOf(db) - LEAF_OVERHEAD_BYTES;

export interface JournalDbOptions {
  /** Reopens the file with the same settings. */
  readonly reopen: () => Database.Database;
  /** Quota of the file; undefined = none. */
  readonly maxBytes: number | undefined;
  readonly whyFailed: ErrorClassifier;
}

type Mode = 'MEMORY' | 'TRUNCATE';

export class JournalDb implements JournalFile {
  readonly #options: JournalDbOptions;
  readonly #slotBytes: number;
  /** Buffer for the slot being written, reused. */
  readonly #slot: Buffer;
  readonly #maxPages: number;
  #db: Database.Database;
  #read!: Database.Statement<[number]>;
  #overwrite!: Database.Statement<[Uint8Array, number]>;
  #begin!: Database.Statement<[]>;
  #commit!: Database.Statement<[]>;
  #slots = new SlotMap();
  #mode: Mode | undefined;
  #truncatedTo = 0;
  /** The first incomplete row of the last batch; it and the rows after it were never acknowledged. */
  #torn: number | undefined;
  /** The last row that is known to be durable. */
  #durable: number;
  #pending: Pending | undefined;
  /** A transaction failed: SQLite's cache may differ from the file. */
  #isStale = false;
  /** The failed transaction was rolled back before it wrote anything, so cache and file agree. */
  #isIntact = false;
  /** Upper bound of the pages that the latest transaction changed or added, that is, of the disk space it took. */
  #touched = 0;

  constructor(db: Database.Database, options: JournalDbOptions) {
    this.#options = options;
    this.#db = db;
    this.#slotBytes = slotBytesOf(db);
    this.#slot = Buffer.alloc(this.#slotBytes);
    const pages = Number(db.pragma('max_page_count', { simple: true }));
    this.#maxPages = options.maxBytes === undefined ? pages : Math.floor(options.maxBytes / pageBytesOf(db));
    this.#attach(db);
    this.#durable = this.#torn === undefined ? this.#slots.last : this.#torn - 1;
  }

  #attach(db: Database.Database): void {
    this.#db = db;
    this.#mode = undefined;
    this.#read = db.prepare<[number]>('SELECT data FROM slots WHERE id = ?').pluck();
    this.#overwrite = db.prepare('UPDATE slots SET data = ? WHERE id = ?');
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#scan();
  }

  /** Builds the slot map from the headers in the file. */
  #scan(): void {
    this.#slots = new SlotMap();
    this.#truncatedTo = Number(this.#metadata('trimmed'));
    const heads = this.#db
      .prepare<[number], readonly [number, unknown]>('SELECT id, substr(data, 1, ?) FROM slots')
      .raw();
    for (const [id, head] of heads.iterate(SLOT_HEADER_BYTES)) {
      this.#slots.found(id, Buffer.isBuffer(head) ? readSlotHeader(head) : undefined, this.#truncatedTo);
    }
    this.#torn = this.#findTorn();
  }

  /** Only rows of the last batch can be torn: a batch is begun only once the one before it was synced. */
  #findTorn(): number | undefined {
    const { lastBatch, last } = this.#slots;
    for (let seq = Math.max(lastBatch, this.#truncatedTo + 1); seq <= last; seq++) {
      const row = this.#slots.row(seq);
      if (row === undefined || row.slots.includes(0)) return seq;
      if (crc32c(this.#dataOf(row)) !== row.rowCrc) return seq;
    }
    return undefined;
  }

  #journalMode(mode: Mode): void {
    if (mode === this.#mode) return;
    const now = this.#db.pragma(`journal_mode = ${mode}`, { simple: true });
    if (now !== mode.toLowerCase()) throw new Error(`journal.db: journal_mode is ${String(now)}, not ${mode}`);
    this.#mode = mode;
  }

  #inMode(mode: Mode, work: () => void): void {
    if (this.#isStale) throw new Error('journal.db: a transaction failed and was not recovered from');
    this.#touched = 0;
    try {
      this.#journalMode(mode);
      this.#begin.run();
      work();
      this.#commit.run();
    } catch (error) {
      this.#isStale = true;
      // A file that could not be opened was not written; reopening would give up a descriptor that may not come back.
      if (isUnopened(error) && this.#db.open) {
        if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
        this.#isIntact = true;
      }
      throw this.#options.whyFailed(error, this.#touched * SLOT_BYTES);
    }
  }

  /** One transaction with a rollback journal, atomic whatever it changes. */
  #atomically(work: () => void): void {
    this.#inMode('TRUNCATE', work);
  }

  recover(): void {
    if (!this.#isStale) return;
    if (this.#isIntact) this.#scan();
    else {
      this.#db.close();
      this.#attach(this.#options.reopen());
    }
    this.#isStale = false;
    this.#isIntact = false;
    if (this.#torn !== undefined && this.#torn <= this.#durable) {
      throw corruption(`journal.db: row ${this.#torn} is damaged, and row ${this.#durable} was durable`);
    }
    if (this.#torn !== undefined || this.#slots.last > this.#durable) this.dropTorn(this.#durable + 1);
  }

  get storeId(): string {
    return String(this.#metadata('store'));
  }

  get truncatedTo(): number {
    return this.#truncatedTo;
  }

  get closed(): number {
    return Number(this.#metadata('closed'));
  }

  get checkpointsDue(): number {
    return Number(this.#metadata('checkpoints'));
  }

  get last(): number | undefined {
    if (this.#torn !== undefined) return this.#torn;
    return this.#slots.last > 0 ? this.#slots.last : undefined;
  }

  #metadata(name: string): unknown {
    return this.#db.prepare<[string]>('SELECT value FROM facts WHERE name = ?').pluck().get(name);
  }

  load(after: number, maxBytes: number): RawRow[] {
    const rows: RawRow[] = [];
    let bytes = 0;
    for (const seq of this.#slots.after(after)) {
      if (this.#torn !== undefined && seq >= this.#torn) break;
      const row = this.row(seq);
      rows.push(row);
      bytes += row.data.length;
      if (bytes >= maxBytes) return rows;
    }
    if (this.#torn !== undefined && this.#torn > after) rows.push(this.#tornRow(this.#torn));
    return rows;
  }

  /** The row as found, with a checksum that does not match; the data may be missing altogether. */
  #tornRow(seq: number): RawRow {
    const row = this.#slots.row(seq);
    if (row === undefined) return { seq, crc: 1, data: Buffer.alloc(0) };
    return { seq, crc: row.rowCrc, data: this.#dataOf(row) };
  }

  row(seq: number): RawRow {
    const added = this.#pending?.rows.find((row) => row.seq === seq);
    if (added !== undefined) return { ...added, crc: crc32c(added.data) };
    const row = this.#slots.row(seq);
    if (row === undefined) throw new Error(`journal.db: row ${seq} is gone`);
    return { seq, crc: row.rowCrc, data: this.#dataOf(row) };
  }

  /** Unreadable slots are filled with zeros; a row that lacks a part has the full length of its parts. */
  #dataOf({ slots, rowBytes }: PlacedRow): Buffer {
    const room = this.#slotBytes - SLOT_HEADER_BYTES;
    const data = Buffer.alloc(Math.min(rowBytes, slots.length * room));
    for (const [part, slot] of slots.entries()) {
      const read = slot === 0 ? undefined : this.#read.get(slot);
      if (Buffer.isBuffer(read)) read.copy(data, part * room, SLOT_HEADER_BYTES);
    }
    return data;
  }

  metas(): (readonly [string, Uint8Array])[] {
    return this.#db.prepare<[], readonly [string, Uint8Array]>('SELECT name, value FROM meta').raw().all();
  }

  transaction(work: () => void, mayFill = false): void {
    const { rows, metas } = this.#collect(work);
    let slots = 0;
    for (const { data } of rows) slots += partsOf(data.length, this.#slotBytes);
    this.#checkQuota(slots, mayFill);
    const missing = slots - this.#slots.free;
    if (missing > 0 || metas.length > 0) {
      this.#atomically(() => {
        if (missing > 0) this.#addSlots(missing);
        for (const [name, value] of metas) {
          this.#touched += 1 + Math.ceil(value.length / SLOT_BYTES);
          this.#db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value);
        }
        this.#write(rows);
      });
    } else {
      this.#inMode('MEMORY', () => {
        this.#write(rows);
      });
    }
    this.#durable = Math.max(this.#durable, this.#slots.last);
  }

  #collect(work: () => void): Pending {
    const pending: Pending = { rows: [], metas: [] };
    this.#pending = pending;
    try {
      work();
    } finally {
      this.#pending = undefined;
    }
    return pending;
  }

  /** Called before anything is written. SQLite's own limit, the file size, does not see which slots are free. */
  #checkQuota(slots: number, mayFill: boolean): void {
    const { maxBytes } = this.#options;
    if (maxBytes === undefined || slots === 0) return;
    const used = this.#slots.count - this.#slots.free;
    if (used + slots <= (mayFill ? this.#maxPages : slotsForCommits(this.#maxPages))) return;
    throw new JournalFull(`journal.db holds ${used * SLOT_BYTES} bytes, and its quota is ${maxBytes}`);
  }

  #write(rows: readonly NewRow[]): void {
    const batch = rows[0]?.seq ?? 0;
    for (const { seq, data } of rows) {
      const parts = partsOf(data.length, this.#slotBytes);
      const rowBytes = data.length;
      const rowCrc = crc32c(data);
      const slots = this.#slots.place(seq, { batch, rowBytes, rowCrc }, parts);
      for (const [part, slot] of slots.entries()) {
        writeSlot(this.#slot, { seq, batch, part, parts, rowBytes, rowCrc }, data);
        this.#put(slot, this.#slot);
      }
    }
  }

  #put(slot: number, data: Uint8Array): void {
    this.#touched++;
    this.#overwrite.run(data, slot);
  }

  #addSlots(count: number): void {
    this.#touched += count;
    const insert = this.#db.prepare('INSERT INTO slots VALUES (?, ?)');
    const empty = Buffer.alloc(this.#slotBytes);
    for (const slot of this.#slots.add(count)) insert.run(slot, empty);
  }

  append(seq: number, data: Uint8Array): void {
    const pending = this.#openTransaction();
    if (this.#slots.row(seq) !== undefined || pending.rows.some((row) => row.seq === seq)) {
      throw new Error(`row ${seq} is there already`);
    }
    pending.rows.push({ seq, data });
  }

  putMeta(name: string, value: Uint8Array): void {
    this.#openTransaction().metas.push([name, value]);
  }

  #openTransaction(): Pending {
    if (this.#pending === undefined) throw new Error('no transaction is open');
    return this.#pending;
  }

  ensureDurable(): void {
    const { lastBatch, last } = this.#slots;
    if (last === 0 || last === this.closed) return;
    const none = Buffer.alloc(this.#slotBytes);
    // With a rollback journal, not in place: rows that may have been acknowledged must never be torn.
    this.#atomically(() => {
      for (const seq of this.#slots.after(Math.max(lastBatch - 1, this.#truncatedTo))) {
        for (const slot of this.#slots.row(seq)?.slots ?? []) {
          const data = this.#read.get(slot) as Uint8Array;
          // SQLite does not write a page whose content stays the same.
          this.#put(slot, none);
          this.#put(slot, data);
        }
      }
    });
  }

  dropTorn(seq: number): void {
    this.#atomically(() => {
      const empty = Buffer.alloc(this.#slotBytes);
      for (const slot of this.#slots.dropFrom(seq)) this.#put(slot, empty);
    });
    this.#torn = undefined;
    this.#durable = this.#slots.last;
  }

  truncatePrefix(to: number, checkpoints: number): void {
    this.#atomically(() => {
      this.#setMetadata('trimmed', to);
      this.#setMetadata('checkpoints', checkpoints);
    });
    this.#truncatedTo = to;
    // Only now: the slots' contents are needed until the truncation is durable.
    this.#slots.freeUpTo(to);
  }

  #setMetadata(name: string, value: number): void {
    this.#db.prepare('UPDATE facts SET value = ? WHERE name = ?').run(value, name);
  }

  preallocate(): boolean {
    if (this.#slots.free >= MIN_FREE_SLOTS) return false;
    // Pages that are not slots, including new interior pages: a few, and one per some hundred slots.
    const others = 8 + Math.ceil(this.#slots.count / 256);
    if (this.#slots.count + PREALLOCATED_SLOTS + others > this.#maxPages) return false;
    this.#atomically(() => {
      this.#addSlots(PREALLOCATED_SLOTS);
    });
    return true;
  }

  markAllDurable(): number {
    const last = this.last ?? this.truncatedTo;
    if (last !== this.closed) {
      this.#atomically(() => {
        this.#setMetadata('closed', last);
      });
    }
    return last;
  }

  close(): void {
    this.#db.close();
  }
}
