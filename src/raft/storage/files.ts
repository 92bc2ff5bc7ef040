/**
 * What the engine needs of the two files that it writes: the journal, the state, and views of the state.
 *
 * `journal-db.ts`, `state-db.ts`, `snapshot-source.ts` and `state-reader.ts` are these over SQLite; the simulator has
 * its own in memory. What all of them owe to the engine: a transaction is durable, whole, when the call that ends it
 * returns, and in the order of these calls over both files. If that call throws because there was no room, or a file
 * could not be opened, `recover` and `rollback` make it as if it had not been; if for any other reason, nothing is known
 * of it, and nothing more is written.
 */
import type { HardStateAt } from './journal/journal-index.js';
import type { Activation, RawRow, StoredGroup } from './journal/recovery.js';
import type { RawStateRow } from './state/state-rows.js';
import type { FileSizes, StateKey } from './storage.js';
import type { GroupId, SnapshotMeta } from '../types.js';

/** One row per durable commit, numbered without holes; the newest row always stays. */
export interface JournalFile {
  /** The last row that was trimmed away; 0 = none. */
  readonly truncatedTo: number;
  /** The last row when the store was last closed in good order. */
  readonly closed: number;
  /** The state file has to have seen at least so many, for what they cover was trimmed. */
  readonly checkpointsDue: number;
  /** Number of the last row; undefined if there is none. */
  readonly last: number | undefined;
  /** Rows after `after`, in order, until they make `maxBytes`. */
  load(after: number, maxBytes: number): RawRow[];
  /** Sees what the open transaction has appended. Throws if there is no such row. */
  row(seq: number): RawRow;
  metas(): (readonly [string, Uint8Array])[];
  /**
   * Runs `work`, which appends and puts, in one durable transaction. `mayFill`: up to the whole quota; default: the part
   * of it that commits may have (see `quota.ts`).
   */
  transaction(work: () => void, mayFill?: boolean): void;
  /** After a transaction that found no room: as if it had not been. May find no room itself; then it is called again. */
  recover(): void;
  /**
   * Writes the last batch once more, before anything is built on it, unless it was closed in good order: a process that
   * ended in a sync which failed may have left it where the system shows it and the disk does not have it.
   */
  ensureDurable(): void;
  append(seq: number, data: Uint8Array): void;
  putMeta(name: string, value: Uint8Array): void;
  /** A transaction of its own. */
  dropTorn(seq: number): void;
  /** Forgets rows up to `to`, in a transaction of its own. See `checkpointsDue`. */
  truncatePrefix(to: number, checkpoints: number): void;
  /** Makes room for rows to come, while nobody waits; true if there was something to do. */
  preallocate(): boolean;
  /** Notes durably, before closing in good order, that every row is durable. Returns the number of the last one. */
  markAllDurable(): number;
  close(): void;
}

/** Each group's state in a slot, and where it stands. Everything between `begin` and `commit` is one transaction. */
export interface StateFile {
  /** The last journal row known to have been durable. */
  readonly journal: number;
  /** How many checkpoints there have been. */
  readonly checkpoints: number;
  /** Bytes in use. */
  readonly bytes: number;
  /** As that of the journal: nothing is left that is not in its place. */
  ensureDurable(): void;
  groups(): StoredGroup[];
  /** Slots that no group has: staged and not installed, or replaced and not yet emptied. */
  garbage(): number[];
  begin(): void;
  commit(): void;
  /** Ends the transaction that is open, if one is, as if it had not been. */
  rollback(): void;
  transaction(work: () => void): void;
  writeRow(slot: number, row: RawStateRow): void;
  /** The slot that a group has, if any. */
  slotOf(group: GroupId): number | undefined;
  saveMeta(group: GroupId, slot: number, meta: SnapshotMeta): void;
  saveHardState(state: HardStateAt, slotIfNew: number): void;
  saveJournal(seq: number): void;
  countCheckpoint(): void;
  /** Notes durably, before closing in good order, that every journal row up to `seq` is durable. */
  markDurableTo(seq: number): void;
  /** Marks a slot as no group's, before anything is staged in it. */
  addGarbage(slot: number): void;
  isGarbage(slot: number): boolean;
  /** The group's state is from now on what was staged in `activation.slot`; what it had becomes garbage. */
  activate(activation: Activation): void;
  /** Deletes at most `limit` rows of a slot that no group has, durably; true once it is empty and forgotten. */
  purge(slot: number, limit: number): boolean;
  /** Housekeeping behind a commit; may go on beside the caller. */
  checkpointWal(): void;
  /** It still goes on: until then the file must not be closed. Throws, once, if it has failed. */
  isCheckpointingWal(): boolean;
  close(): void;
}

/** A consistent view of one group's state while checkpoints go on. */
export interface SnapshotSource {
  readonly meta: SnapshotMeta;
  /** Of all data that `next` gives, once it is prepared; absent: not known. */
  readonly bytes?: number | undefined;
  /** A slice of copying it out of the state; false once that is done, and `next` may be called. */
  prepare(): boolean;
  /** About `maxBytes`, at least one row if there is one left. */
  next(maxBytes: number): { readonly data: Uint8Array<ArrayBuffer>; readonly done: boolean };
  close(): void;
}

/** The two halves of one store, held until `release`. */
export interface StoreFiles {
  readonly journal: JournalFile;
  readonly state: StateFile;
  /** The group's state as of its last checkpoint; undefined if it has none yet. */
  openSnapshot(group: GroupId): SnapshotSource | undefined;
  /** Asks the file system. Absent: there are no files. */
  sizes?(): FileSizes;
  /** Lets another store have them. */
  release(): void;
}

/** @throws StorageFailure if another store holds them, StorageCorruption if they are not two halves of one store. */
export type OpenFiles = (directory: string, maxJournalBytes: number | undefined) => StoreFiles;

/** Reads of the durable state in the caller's own thread: each slot as of its last whole checkpoint, and no writer is waited for. */
export interface StateReader {
  get(slot: number, key: StateKey): Uint8Array | undefined;
  /** Rows whose key starts with `prefix`, in key order, at most `limit`, after `after`. */
  scan(slot: number, prefix: StateKey, after: StateKey | undefined, limit: number): (readonly [StateKey, Uint8Array])[];
  close(): void;
}
