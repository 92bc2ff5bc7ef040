/**
 * A consistent view of one group's state while checkpoints continue. The state is copied up front, in slices, over its
 * own connection, and sent from the copy: the read transaction lasts as long as the copying, not as long as a slow
 * follower takes. Runs in the worker.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { STATE_FILE } from '../disk/data-folder.js';
import type { SnapshotSource } from '../files.js';
import { VALUE, valueIn, type ReadValue } from './large-values.js';
import { SnapshotSpill } from './snapshot-spill.js';
import { toStoredGroup } from './state-db.js';
import type { GroupRow } from './state-db.js';
import { StateRowWriter } from './state-rows.js';
import type { GroupId, SnapshotMeta } from '../../types.js';

type KeyValue = readonly [Buffer, ReadValue];

/** Bytes read in one slice, about a millisecond; journal commits run between slices. */
const SLICE_BYTES = 256 * 1024;
let copies = 0;

export class SqliteSnapshotSource implements SnapshotSource {
  readonly meta: SnapshotMeta;
  readonly #slot: number;
  readonly #spill: SnapshotSpill;
  /** Undefined once everything is copied. */
  #db: Database.Database | undefined;
  #after: Uint8Array | undefined;
  #given = 0;

  private constructor(db: Database.Database, slot: number, meta: SnapshotMeta, spill: SnapshotSpill) {
    this.#db = db;
    this.#slot = slot;
    this.#spill = spill;
    this.meta = meta;
  }

  /** undefined if the group has no checkpoint yet. */
  static open(folder: string, group: GroupId): SqliteSnapshotSource | undefined {
    const db = new Database(join(folder, STATE_FILE), { readonly: true, fileMustExist: true });
    let source: SqliteSnapshotSource | undefined;
    try {
      db.exec('BEGIN');
      const row = db.prepare<[number], GroupRow>('SELECT * FROM groups WHERE id = ?').get(group);
      const stored = row && toStoredGroup(row);
      if (stored?.meta !== undefined) {
        const spill = new SnapshotSpill(join(folder, `snapshot-${process.pid}-${++copies}.tmp`));
        source = new SqliteSnapshotSource(db, stored.slot, stored.meta, spill);
      }
      return source;
    } finally {
      if (source === undefined) db.close();
    }
  }

  get bytes(): number {
    return this.#spill.length;
  }

  prepare(): boolean {
    const db = this.#db;
    if (db === undefined) return false;
    const writer = new StateRowWriter();
    for (const [key, value] of this.#rows(db)) {
      writer.add(key.toString('latin1'), valueIn(value));
      this.#after = key;
      if (writer.bytes >= SLICE_BYTES) break;
    }
    const isLast = writer.bytes < SLICE_BYTES;
    if (writer.rows > 0) this.#spill.add(writer.take());
    if (!isLast) return true;
    this.#db = undefined;
    db.close();
    return false;
  }

  #rows(db: Database.Database): IterableIterator<KeyValue> {
    if (this.#after === undefined) {
      const all = db.prepare<[number], KeyValue>(`SELECT k, ${VALUE} FROM state WHERE slot = ? ORDER BY k`);
      return all.raw().iterate(this.#slot);
    }
    const rest = db.prepare<[number, Uint8Array], KeyValue>(
      `SELECT k, ${VALUE} FROM state WHERE slot = ? AND k > ? ORDER BY k`,
    );
    return rest.raw().iterate(this.#slot, this.#after);
  }

  next(maxBytes: number): { readonly data: Uint8Array<ArrayBuffer>; readonly done: boolean } {
    const data = this.#spill.rows(this.#given, maxBytes);
    this.#given += data.length;
    return { data, done: this.#given === this.#spill.length };
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
    this.#spill.close();
  }
}
