/**
 * A consistent view of one group's state while checkpoints go on: a connection of its own with an open read
 * transaction. Runs in the worker.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { STATE_FILE } from './data-folder.js';
import type { SnapshotSource } from './files.js';
import { toStoredGroup } from './state-db.js';
import type { GroupRow } from './state-db.js';
import { StateRowWriter } from './state-rows.js';
import type { GroupId, SnapshotMeta } from '../types.js';

type KeyValue = readonly [Buffer, Buffer];

export class SqliteSnapshotSource implements SnapshotSource {
  readonly meta: SnapshotMeta;
  readonly #db: Database.Database;
  readonly #slot: number;
  #after: Uint8Array | undefined;

  private constructor(db: Database.Database, slot: number, meta: SnapshotMeta) {
    this.#db = db;
    this.#slot = slot;
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
      if (stored?.meta !== undefined) source = new SqliteSnapshotSource(db, stored.slot, stored.meta);
      return source;
    } finally {
      if (source === undefined) db.close();
    }
  }

  next(maxBytes: number): { readonly data: Uint8Array<ArrayBuffer>; readonly done: boolean } {
    const writer = new StateRowWriter();
    let done = true;
    for (const [key, value] of this.#rows()) {
      if (writer.rows > 0 && writer.bytes + key.length + value.length > maxBytes) {
        done = false;
        break;
      }
      writer.add(key.toString('latin1'), value);
      this.#after = key;
    }
    return { data: writer.take(), done };
  }

  #rows(): IterableIterator<KeyValue> {
    if (this.#after === undefined) {
      const all = this.#db.prepare<[number], KeyValue>('SELECT k, v FROM state WHERE slot = ? ORDER BY k');
      return all.raw().iterate(this.#slot);
    }
    const rest = this.#db.prepare<[number, Uint8Array], KeyValue>(
      'SELECT k, v FROM state WHERE slot = ? AND k > ? ORDER BY k',
    );
    return rest.raw().iterate(this.#slot, this.#after);
  }

  close(): void {
    this.#db.close();
  }
}
