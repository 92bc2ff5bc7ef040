/**
 * The storage port: what a node needs from its disk, for all its groups at once.
 *
 * It keeps a journal (hard states and log entries of every group, one durable commit for all of them) and, per group, a
 * state: an ordered map of opaque byte strings that the state machine owns. The journal is the write-ahead log of the
 * state; `checkpoint` moves applied effects into the state together with the applied index, and entries are truncated
 * from the journal only up to a durable checkpoint.
 *
 * `memory.ts` and `sqlite.ts` implement the port and pass the same contract suite. State keys are "binary strings" (one
 * char per byte, 0..255): cheap to hash in a Map, ordered as bytes.
 */
import type { Entry, GroupId, HardState, SnapshotMeta } from '../types.js';

/** One group's part of a durable commit, see `Storage.commit`. Within one commit a group appears at most once. */
export interface GroupWrite {
  readonly group: GroupId;
  readonly hardState: HardState | undefined;
  /** Consecutive; the first replaces the journal's entries at its index and after. May be empty. */
  readonly entries: readonly Entry[];
}

/** A binary string: one char per byte, 0 to 255; at most 65,535 of them. */
export type StateKey = string;
/** `undefined` as value deletes the row. */
export type StateRow = readonly [key: StateKey, value: Uint8Array | undefined];

/** A range of state rows, see `Storage.range`. */
export interface RowRange {
  /** The smallest key of the range. */
  readonly from: StateKey;
  /** The smallest key behind the range; undefined: the range has no end. */
  readonly to: StateKey | undefined;
  /** From the largest key to the smallest. Default: from the smallest to the largest. */
  readonly reverse?: boolean | undefined;
  /** Rows have an empty value instead of their own, which is not read from the disk. */
  readonly keysOnly?: boolean | undefined;
}

/** Bounds of a page of rows. */
export interface PageBounds {
  readonly rows: number;
  /** Bytes of keys and values. The row that reaches the bound is the last of its page, so a page may exceed it. */
  readonly bytes: number;
}

export type PresentRow = readonly [key: StateKey, value: Uint8Array];

export interface RowPage {
  /** In the order of the range. */
  readonly rows: readonly PresentRow[];
  /** What is left of the range behind this page; it may have no rows. Undefined: the page reaches the end. */
  readonly rest: RowRange | undefined;
}

/** One group's part of a checkpoint, see `Storage.checkpoint`. */
export interface GroupCheckpoint {
  readonly group: GroupId;
  /** With `rows` applied, the state contains the effects of everything up to `meta.index`. */
  readonly meta: SnapshotMeta;
  /**
   * Rows that changed since the last checkpoint. Read in slices, so they must not change until `checkpoint` settles.
   */
  readonly rows: Iterable<StateRow>;
}

/** The state that a group starts from. The log is `entries`, consecutive from `snapshot.index + 1`. */
export interface RecoveredGroup {
  readonly group: GroupId;
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
}

/** The result of `Storage.open`. */
export interface Recovered {
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  /** Small named values kept by `putMeta`. */
  readonly meta: ReadonlyMap<string, Uint8Array>;
}

/** A consistent view of one group's state at `meta.index`, read piece by piece while checkpoints continue. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta;
  /** Bytes of all data that `next` returns; undefined if that is not known beforehand. */
  readonly bytes?: number | undefined;
  /** About `maxBytes` (at least one row) in an opaque encoding that `stageChunk` understands; `done` on the last. */
  next(maxBytes: number): Promise<{ readonly data: Uint8Array; readonly done: boolean }>;
  close(): void;
}

/**
 * One group's durable state as of the moment when the view was opened, whatever is checkpointed or installed since. It is
 * read synchronously. Failures and the end of the storage close it.
 */
export interface StateView {
  /** @throws ViewClosed */
  range(range: RowRange, bounds: PageBounds): RowPage;
  /**
   * Bytes that the write-ahead log of the state has grown by since: while a view is open, the log cannot begin anew.
   * Its owner closes the view before that is too much. 0 for a storage without such a log, and once the view is closed.
   */
  readonly walBytes: number;
  /** May be called again. */
  close(): void;
}

/** Moments of which views can be open at the same time: each has a connection of its own, with its descriptors. */
export const MAX_PINNED_STATES = 4;

/** Work waits for disk space; it is retried, and becomes durable without further calls once there is space. */
export interface StorageStall {
  /** `commits`: commits, and opening the store. `state`: only checkpoints and snapshots; commits continue. */
  readonly waits: 'commits' | 'state';
  /**
   * - `full`: the disk is full;
   * - `quota`: the journal has reached its quota, the disk has space: the next checkpoint frees some of it;
   * - `unopened`: a file could not be opened, mostly because the process has no file descriptors left.
   */
  readonly reason: 'full' | 'quota' | 'unopened';
  /** The operation that failed and the error of SQLite or the operating system. */
  readonly message: string;
  /** When it began: milliseconds on the storage's monotonic clock. */
  readonly sinceMs: number;
}

/** Sizes and latencies, kept in memory: reading them does not access the disk. */
export interface StorageStatus {
  /** Bytes of rows that have not been truncated, in whole slots. */
  readonly journalBytes: number;
  readonly journalRows: number;
  /** Bytes in use, without free pages; as of the last checkpoint. */
  readonly stateBytes: number;
  /** Durable commits since the storage was opened. */
  readonly commits: number;
  /** Milliseconds that the latest durable commits took, newest last, at most 512. */
  readonly commitMs: readonly number[];
  /** Undefined until first measured, and for a storage without files. */
  readonly files?: FileSizes | undefined;
}

/** Bytes of each file, as the file system reports them; 0 if it does not exist. */
export interface FileSizes {
  readonly journal: number;
  readonly state: number;
  /** Size of the state's write-ahead log. */
  readonly stateWal: number;
}

/**
 * Called when work begins to wait for space, again when the work or the reason changes, and with undefined at the end.
 */
export type OnStall = (stall: StorageStall | undefined) => void;

export interface Storage {
  /**
   * Reads everything back; to be called once per storage. Waits while the disk is full (see `stall`); meanwhile only
   * closing the storage rejects it, with `StorageFull`.
   * @throws StorageCorruption if the durable data cannot be trusted (s69)
   * @throws StorageFailure if another store holds the folder, or another build wrote it
   */
  open(): Promise<Recovered>;

  /**
   * Makes all writes durable, or rejects. An append that would leave a gap rejects with `RangeError` and has no effect.
   * Commits become durable in the order of the calls. While there is no space, on the disk or under the configured
   * quota, they wait (see `stall`); only closing the storage rejects waiting commits, with `StorageFull`. After a
   * rejection every later call rejects too: a failed sync is never retried (s70).
   * @throws StorageFailure when a write or a sync failed
   */
  commit(writes: readonly GroupWrite[]): Promise<void>;

  /**
   * Durably applies rows and metas of all given groups, then truncates the journal up to what the checkpoints cover.
   * Each group is atomic, all together are not: after a crash some may have been applied and others not. At most one
   * checkpoint runs at a time. Commits continue meanwhile and wait at most for the sync of one transaction: some ms,
   * more only if one group alone has many rows (80 ms at 100,000). A group's index may not decrease. An empty list only
   * truncates the journal.
   * @param groups taken one by one, with a pause for other work behind each: what prepares a group when it is taken holds
   *   nobody up for all of them. One that is behind a snapshot which was installed since the call is left out
   */
  checkpoint(groups: Iterable<GroupCheckpoint>): Promise<void>;

  /**
   * Reads a row of the durable state synchronously; undefined when absent. Sees only complete checkpoints of a group.
   */
  read(group: GroupId, key: StateKey): Uint8Array | undefined;

  /** What `read` returns for each of the keys, all as of the same moment. */
  readAll(group: GroupId, keys: readonly StateKey[]): readonly (Uint8Array | undefined)[];

  /** A page of the rows of the durable state, read synchronously and as `read` does. */
  range(group: GroupId, range: RowRange, bounds: PageBounds): RowPage;

  /**
   * Opens a view of the group's durable state, synchronously: it sees what `range` would see in the same step.
   * @throws ViewUnavailable if views of too many moments are open, or no file can be opened
   */
  openView(group: GroupId): StateView;

  /** The group's state as of its last checkpoint; undefined if it has none yet. */
  openSnapshot(group: GroupId): Promise<SnapshotReader | undefined>;

  /**
   * Stages chunk `sequence` of an incoming snapshot; sequence 0 drops what was staged before for the group.
   * Not durable and not visible until `install`. Data that is not a chunk rejects with `MalformedBytes` and drops what
   * was staged; a chunk out of order rejects with `RangeError`. Neither stops the store.
   */
  stageChunk(group: GroupId, sequence: number, data: Uint8Array): Promise<void>;

  /**
   * Replaces state and log of the group by what was staged, durably and atomically (a crash leaves old or new, s65).
   * The log is then empty after `meta.index`; the hard state, if given, is written with it. Ordered with calls of
   * `commit`.
   */
  install(group: GroupId, meta: SnapshotMeta, hardState: HardState | undefined): Promise<void>;

  /** Durably keeps a small named value (node identity, cached topology). */
  putMeta(name: string, value: Uint8Array): Promise<void>;

  /** Number of the last durable commit, counted over all openings; decreases only if the disk is rolled back. */
  readonly position: number;

  status(): StorageStatus;
  /** What waits for space, and why; undefined while nothing waits. Kept in memory. */
  readonly stall: StorageStall | undefined;
  /** Sets the one listener; called from the event loop, never within another call of this interface. */
  onStall(listener: OnStall): void;
  /** Finishes commits and checkpoints in progress, within a limit where the storage has one, and closes the files. */
  close(): Promise<void>;
}

/** The durable data cannot be trusted; the message names the row and file, and what the operator can do. */
export class StorageCorruption extends Error {
  override readonly name = 'StorageCorruption';
}

/** The disk or the configured quota was still full when the store was closed: the waiting writes were not written. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull';
}

/** The configured quota was exhausted, not the disk. */
export class JournalFull extends StorageFull {}

/** No further view can be opened at present; a later call may succeed. */
export class ViewUnavailable extends Error {
  override readonly name = 'ViewUnavailable';
}

/** The view was closed: by its owner, or because the storage was closed or failed. */
export class ViewClosed extends Error {
  override readonly name = 'ViewClosed';
}

/** A write or sync failed; the store accepts no further writes, because the contents of the disk are unknown. */
export class StorageFailure extends Error {
  override readonly name = 'StorageFailure';
}
