/**
 * The port of the files that the engine writes: the journal, the state, and views of the state.
 *
 * `journal-db.ts`, `state-db.ts`, `snapshot-source.ts` and `state-reader.ts` implement it over SQLite; the simulator
 * has its own in memory. The contract: a transaction is durable and atomic when the call that ends it returns, and
 * these calls are ordered over both files. If that call throws because there was no space, or a file could not be
 * opened, `recover` and `rollback` undo it completely; after any other error its outcome is unknown, and nothing more
 * is written.
 */
import type { HardStateAt } from './journal/journal-index.js';
import type { Activation, RawRow, StoredGroup } from './journal/recovery.js';
import type { RawStateRow } from './state/state-rows.js';
import type { FileSizes, PageBounds, RowPage, RowRange, StateKey } from './storage.js';
import type { GroupId, SnapshotMeta } from '../types.js';

/** One row per durable commit, numbered consecutively; the newest row is never truncated. */
export interface JournalFile {
  /** The last row of the truncated prefix; 0 = none. */
  readonly truncatedTo: number;
  /** The last row at the last clean shutdown. */
  readonly closed: number;
  /** Least count of checkpoints that the state file must have, because what they cover has been truncated. */
  readonly checkpointsDue: number;
  /** Number of the last row; undefined if there is none. */
  readonly last: number | undefined;
  /** Rows after `after`, in order, up to the one that reaches `maxBytes`. */
  load(after: number, maxBytes: number): RawRow[];
  /** Includes rows that the open transaction has appended. Throws if there is no such row. */
  row(seq: number): RawRow;
  metas(): (readonly [string, Uint8Array])[];
  /**
   * Runs `work`, which appends rows and puts metas, in one durable transaction. `mayFill`: it may use the whole quota;
   * default: only the share for commits (see `quota.ts`).
   */
  transaction(work: () => void, mayFill?: boolean): void;
  /** Undoes a transaction that found no space. May itself find no space; it is then called again. */
  recover(): void;
  /**
   * At a start that does not follow a clean shutdown: rewrites the last batch and syncs it. A process that ended after
   * a failed sync may have left the batch only in the page cache, from which it is read although the disk lacks it.
   */
  ensureDurable(): void;
  append(seq: number, data: Uint8Array): void;
  putMeta(name: string, value: Uint8Array): void;
  /** Deletes the torn last row, in its own transaction. */
  dropTorn(seq: number): void;
  /** Drops rows up to and including `to`, in its own transaction. See `checkpointsDue`. */
  truncatePrefix(to: number, checkpoints: number): void;
  /** Adds free slots for future rows, off the commit path; true if there was something to do. */
  preallocate(): boolean;
  /** At a clean shutdown: records durably that every row is durable. Returns the number of the last one. */
  markAllDurable(): number;
  close(): void;
}

/** Each group's state in a slot, and its metadata. Everything between `begin` and `commit` is one transaction. */
export interface StateFile {
  /** The last journal row known to have been durable. */
  readonly journal: number;
  /** Number of checkpoints so far. */
  readonly checkpoints: number;
  /** Bytes in use. */
  readonly bytes: number;
  /** Like that of the journal: moves the whole WAL into the database. */
  ensureDurable(): void;
  groups(): StoredGroup[];
  /** Slots that belong to no group: staged and not installed, or replaced and not yet emptied. */
  garbage(): number[];
  begin(): void;
  commit(): void;
  /** Rolls back the open transaction, if there is one. */
  rollback(): void;
  transaction(work: () => void): void;
  writeRow(slot: number, row: RawStateRow): void;
  /** The group's slot, if it has one. */
  slotOf(group: GroupId): number | undefined;
  saveMeta(group: GroupId, slot: number, meta: SnapshotMeta): void;
  saveHardState(state: HardStateAt, slotIfNew: number): void;
  saveJournal(seq: number): void;
  countCheckpoint(): void;
  /** At a clean shutdown: records durably that every journal row up to `seq` is durable. */
  markDurableTo(seq: number): void;
  /** Records that a slot belongs to no group, before anything is staged in it. */
  addGarbage(slot: number): void;
  isGarbage(slot: number): boolean;
  /** Makes `activation.slot`, a staged snapshot, the group's state; its former slot becomes garbage. */
  activate(activation: Activation): void;
  /** Deletes at most `limit` rows of a garbage slot, durably; true once it is empty and no longer listed. */
  purge(slot: number, limit: number): boolean;
  /** Maintenance after a commit: a WAL checkpoint if the WAL is long enough; may continue in another thread. */
  checkpointWal(): void;
  /** Whether a WAL checkpoint is running; the file must not be closed before it ends. Throws once if it has failed. */
  isCheckpointingWal(): boolean;
  close(): void;
}

/** A consistent view of one group's state while checkpoints continue. */
export interface SnapshotSource {
  readonly meta: SnapshotMeta;
  /** Bytes of all data that `next` returns, once prepared; absent: unknown. */
  readonly bytes?: number | undefined;
  /** Copies one slice out of the state; false once everything is copied and `next` may be called. */
  prepare(): boolean;
  /** About `maxBytes`, at least one row if there is one left. */
  next(maxBytes: number): { readonly data: Uint8Array<ArrayBuffer>; readonly done: boolean };
  close(): void;
}

/** The two files of one store, locked until `release`. */
export interface StoreFiles {
  readonly journal: JournalFile;
  readonly state: StateFile;
  /** The group's state as of its last checkpoint; undefined if it has none yet. */
  openSnapshot(group: GroupId): SnapshotSource | undefined;
  /** Queries the file system. Absent: there are no files. */
  sizes?(): FileSizes;
  /** Unlocks them for another store. */
  release(): void;
}

/** @throws StorageFailure if another store holds them, StorageCorruption if they do not belong to one store. */
export type OpenFiles = (directory: string, maxJournalBytes: number | undefined) => StoreFiles;

/** All slots as of one moment. */
export interface PinnedState {
  range(slot: number, range: RowRange, bounds: PageBounds): RowPage;
  /** See `StateView.walBytes`. */
  readonly walBytes: number;
  close(): void;
}

/**
 * Reads of the durable state in the caller's own thread: each slot as of its last whole checkpoint, never blocked by a
 * writer.
 */
export interface StateReader {
  get(slot: number, key: StateKey): Uint8Array | undefined;
  /** See `Storage.readAll`. */
  getAll(slot: number, keys: readonly StateKey[]): readonly (Uint8Array | undefined)[];
  /** See `Storage.range`. */
  range(slot: number, range: RowRange, bounds: PageBounds): RowPage;
  /** Opens a read transaction that sees every slot as of now. @throws ViewUnavailable if no file can be opened */
  pin(): PinnedState;
  close(): void;
}
