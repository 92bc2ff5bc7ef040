/**
 * state.db: each group's state and metadata. Runs in the worker.
 *
 *     groups(id, slot, …)   hard state and snapshot meta, and the journal rows that they were taken from
 *     state(slot, k, v)     a group's rows are in its slot; an incoming snapshot is staged in a separate slot, so that
 *                           installing it changes one number
 *     large(id, v)          values too large for their rows, see `large-values.ts`
 *     garbage(slot)         slots that belong to no group: staged and not installed, or replaced and not yet emptied
 *     facts(name, value)    store: id of the store; journal: the last journal row known to have been durable;
 *                           checkpoints: their count so far
 */
import type Database from 'better-sqlite3';
import { configurationSize, readConfiguration, spanOf, writeConfiguration } from '../../codec.js';
import { pageBytesOf, stampFormat } from '../disk/data-folder.js';
import type { StateFile } from '../files.js';
import type { HardStateAt } from '../journal/journal-index.js';
import { NoWalCheckpointer } from '../worker/wal-checkpointer.js';
import type { CheckpointWal } from '../worker/wal-checkpointer.js';
import type { ErrorClassifier } from '../disk/quota-probe.js';
import type { Activation, StoredGroup } from '../journal/recovery.js';
import { CREATE_LARGE_VALUES, RowWriter } from './large-values.js';
import type { RawStateRow } from './state-rows.js';
import type { Configuration, GroupId, SnapshotMeta } from '../../types.js';

/**
 * Not smaller: a page of an index tree keeps at most a quarter of its size per row, larger values go elsewhere.
 */
export const STATE_PAGE_BYTES = 4096;
/** WAL size at which it is checkpointed: large enough that pages rewritten by every checkpoint are copied only once. */
export const STATE_WAL_BYTES = 16 * 1024 * 1024;

const SCHEMA = `
  CREATE TABLE groups(
    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL,
    term INTEGER NOT NULL DEFAULT 0, vote INTEGER NOT NULL DEFAULT 0, commit_index INTEGER NOT NULL DEFAULT 0,
    hard_seq INTEGER NOT NULL DEFAULT 0, reset_seq INTEGER NOT NULL DEFAULT 0,
    snapshot_index INTEGER, snapshot_term INTEGER, configuration BLOB);
  CREATE TABLE state(slot INTEGER NOT NULL, k BLOB NOT NULL, v BLOB NOT NULL, PRIMARY KEY(slot, k)) WITHOUT ROWID;
  CREATE TABLE garbage(slot INTEGER PRIMARY KEY);
  CREATE TABLE facts(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
  INSERT INTO facts VALUES ('journal', 0), ('checkpoints', 0);
  ${CREATE_LARGE_VALUES}
`;

export function createState(db: Database.Database, storeId: string): void {
  db.exec('BEGIN IMMEDIATE');
  db.exec(SCHEMA);
  stampFormat(db);
  db.prepare("INSERT INTO facts VALUES ('store', ?)").run(storeId);
  db.exec('COMMIT');
}

/** A group's row as SQLite returns it. */
export interface GroupRow {
  readonly id: number;
  readonly slot: number;
  readonly term: number;
  readonly vote: number;
  readonly commit_index: number;
  readonly hard_seq: number;
  readonly reset_seq: number;
  readonly snapshot_index: number | null;
  readonly snapshot_term: number | null;
  readonly configuration: Uint8Array | null;
}

export class StateDb implements StateFile {
  readonly #db: Database.Database;
  readonly #rows: RowWriter;
  readonly #ensureGroup: Database.Statement<[number, number]>;
  readonly #walBytes: number;
  readonly #pageBytes: number;
  readonly #whyFailed: ErrorClassifier;
  readonly #checkpointWal: CheckpointWal | undefined;
  #isCheckpointingWal = false;
  #walError: Error | undefined;

  /** `checkpointWal`: runs WAL checkpoints elsewhere; default: in the caller's thread. */
  constructor(db: Database.Database, walBytes: number, whyFailed: ErrorClassifier, checkpointWal?: CheckpointWal) {
    this.#db = db;
    this.#whyFailed = whyFailed;
    this.#checkpointWal = checkpointWal;
    this.#walBytes = walBytes;
    this.#pageBytes = pageBytesOf(db);
    this.#rows = new RowWriter(db);
    this.#ensureGroup = db.prepare('INSERT INTO groups(id, slot) VALUES (?, ?) ON CONFLICT(id) DO NOTHING');
  }

  get storeId(): string {
    return String(this.#metadata('store'));
  }

  get journal(): number {
    return Number(this.#metadata('journal'));
  }

  get checkpoints(): number {
    return Number(this.#metadata('checkpoints'));
  }

  #metadata(name: string): unknown {
    return this.#db.prepare<[string]>('SELECT value FROM facts WHERE name = ?').pluck().get(name);
  }

  ensureDurable(): void {
    // A backup that is being read may prevent it, which is no reason to refuse the start.
    this.#write(() => this.#db.pragma('wal_checkpoint(TRUNCATE)'));
  }

  groups(): StoredGroup[] {
    return this.#db.prepare<[], GroupRow>('SELECT * FROM groups').all().map(toStoredGroup);
  }

  garbage(): number[] {
    return this.#db.prepare<[], number>('SELECT slot FROM garbage').pluck().all();
  }

  /** Runs a write to the file and classifies its error. A rollback does not shrink the WAL. */
  #write<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#whyFailed(error);
    }
  }

  #exec(source: string): void {
    this.#write(() => this.#db.exec(source));
  }

  #run<P extends unknown[]>(statement: Database.Statement<P>, ...values: P): void {
    this.#write(() => statement.run(...values));
  }

  #change(source: string, ...values: unknown[]): void {
    this.#run(this.#db.prepare(source), ...values);
  }

  begin(): void {
    this.#exec('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.#exec('COMMIT');
  }

  rollback(): void {
    if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
  }

  transaction(work: () => void): void {
    this.begin();
    work();
    this.commit();
  }

  writeRow(slot: number, { key, value }: RawStateRow): void {
    // Like `#run`, without its allocations for each row of a checkpoint.
    try {
      this.#rows.write(slot, key, value);
    } catch (error) {
      throw this.#whyFailed(error);
    }
  }

  slotOf(group: GroupId): number | undefined {
    return this.#db.prepare<[number], number>('SELECT slot FROM groups WHERE id = ?').pluck().get(group);
  }

  saveMeta(group: GroupId, slot: number, meta: SnapshotMeta): void {
    this.#run(this.#ensureGroup, group, slot);
    this.#change(
      'UPDATE groups SET snapshot_index = ?, snapshot_term = ?, configuration = ? WHERE id = ?',
      meta.index,
      meta.term,
      encodeConfiguration(meta.configuration),
      group,
    );
  }

  saveHardState({ group, hardState, seq }: HardStateAt, slotIfNew: number): void {
    this.#run(this.#ensureGroup, group, slotIfNew);
    this.#change(
      'UPDATE groups SET term = ?, vote = ?, commit_index = ?, hard_seq = ? WHERE id = ?',
      hardState.term,
      hardState.vote,
      hardState.commit,
      seq,
      group,
    );
  }

  saveJournal(seq: number): void {
    this.#change("UPDATE facts SET value = ? WHERE name = 'journal'", seq);
  }

  countCheckpoint(): void {
    this.#exec("UPDATE facts SET value = value + 1 WHERE name = 'checkpoints'");
  }

  markDurableTo(seq: number): void {
    if (seq === this.journal) return;
    this.transaction(() => {
      this.saveJournal(seq);
    });
  }

  addGarbage(slot: number): void {
    this.#change('INSERT OR IGNORE INTO garbage VALUES (?)', slot);
  }

  isGarbage(slot: number): boolean {
    return this.#db.prepare<[number]>('SELECT 1 FROM garbage WHERE slot = ?').get(slot) !== undefined;
  }

  activate({ group, slot, meta, seq }: Activation): void {
    const old = this.slotOf(group);
    if (old === slot) return;
    if (old !== undefined) this.addGarbage(old);
    this.#change('DELETE FROM garbage WHERE slot = ?', slot);
    this.#run(this.#ensureGroup, group, slot);
    this.#change('UPDATE groups SET slot = ?, reset_seq = ? WHERE id = ?', slot, seq, group);
    this.saveMeta(group, slot, meta);
  }

  purge(slot: number, limit: number): boolean {
    const select = this.#db.prepare<[number, number], Uint8Array>(
      'SELECT k FROM state WHERE slot = ? ORDER BY k LIMIT 1 OFFSET ?',
    );
    const end = select.pluck().get(slot, limit - 1);
    this.transaction(() => {
      if (end !== undefined) this.#change('DELETE FROM state WHERE slot = ? AND k <= ?', slot, end);
      else {
        this.#change('DELETE FROM state WHERE slot = ?', slot);
        this.#change('DELETE FROM garbage WHERE slot = ?', slot);
      }
    });
    return end === undefined;
  }

  /** Bytes in use, without free pages. */
  get bytes(): number {
    const pragma = (name: string): number => Number(this.#db.pragma(name, { simple: true }));
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
  }

  checkpointWal(): void {
    if (this.#isCheckpointingWal) return;
    const [{ log }] = this.#db.pragma('wal_checkpoint(NOOP)') as [{ readonly log: number }];
    if (log * this.#pageBytes < this.#walBytes) return;
    if (this.#checkpointWal === undefined) {
      this.#checkpointWalHere();
      return;
    }
    this.#isCheckpointingWal = true;
    this.#checkpointWal(this.#db.name, (error) => {
      this.#isCheckpointingWal = false;
      this.#walError = error;
    });
  }

  isCheckpointingWal(): boolean {
    const error = this.#walError;
    this.#walError = undefined;
    if (error === undefined) return this.#isCheckpointingWal;
    if (!(error instanceof NoWalCheckpointer)) throw error;
    // Commits wait meanwhile, but this connection needs no new descriptor, and an uncopied WAL would fill the disk.
    this.#checkpointWalHere();
    return false;
  }

  #checkpointWalHere(): void {
    this.#write(() => this.#db.pragma('wal_checkpoint(PASSIVE)'));
  }

  close(): void {
    this.#db.close();
  }
}

export function toStoredGroup(row: GroupRow): StoredGroup {
  const { snapshot_index: index, snapshot_term: term, configuration } = row;
  const hasMeta = index !== null && term !== null && configuration !== null;
  return {
    group: row.id,
    slot: row.slot,
    hardState: { term: row.term, vote: row.vote, commit: row.commit_index },
    hardSeq: row.hard_seq,
    resetSeq: row.reset_seq,
    meta: hasMeta ? { index, term, configuration: readConfiguration(spanOf(configuration), 0) } : undefined,
  };
}

function encodeConfiguration(configuration: Configuration): Uint8Array {
  const span = spanOf(new Uint8Array(configurationSize(configuration)));
  writeConfiguration(span, 0, configuration);
  return span.bytes;
}
