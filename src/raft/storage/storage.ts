/**
 * The storage port: what a node needs from its disk, for all its groups at once.
 *
 * Two things are kept: a journal (hard states and log entries of every group, one durable commit for all of them)
 * and, per group, a state: an ordered map of opaque byte strings that the state machine owns. The journal is the
 * write-ahead log of the state; `checkpoint` moves applied effects into the state together with the applied index,
 * and only behind a durable checkpoint may the journal forget entries.
 *
 * Knows nothing of keys, values, commands, roles or messages. `memory.ts` and `sqlite.ts` implement it and pass the
 * same contract suite. State keys are "binary strings" (one char per byte, 0..255): cheap to hash in a Map,
 * ordered as bytes.
 */
import type { Entry, GroupId, HardState, SnapshotMeta } from '../types.js';

/** One group's part of a durable commit. Within one commit a group appears at most once. */
export interface GroupWrite {
  readonly group: GroupId;
  readonly hardState: HardState | undefined;
  /** Consecutive; the first replaces what the journal has at its index and after. May be empty. */
  readonly entries: readonly Entry[];
}

export type StateKey = string;
/** `undefined` as value deletes the row. */
export type StateRow = readonly [key: StateKey, value: Uint8Array | undefined];

export interface GroupCheckpoint {
  readonly group: GroupId;
  /** The state below contains the effects of everything up to `meta.index`. */
  readonly meta: SnapshotMeta;
  /** Read while `checkpoint` is under way, in slices: must give the same until it settles. */
  readonly rows: Iterable<StateRow>;
}

/** What a group starts from. The log is `entries`, consecutive from `snapshot.index + 1`. */
export interface RecoveredGroup {
  readonly group: GroupId;
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
}

export interface Recovered {
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  /** Small named values kept by `putMeta`. */
  readonly meta: ReadonlyMap<string, Uint8Array>;
}

/** A consistent view of one group's state at `meta.index`, read piece by piece while checkpoints go on. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta;
  /** Of all data that `next` gives; undefined where that is not known beforehand. */
  readonly bytes?: number | undefined;
  /** About `maxBytes` (at least one row) in an opaque encoding that `stageChunk` understands; `done` on the last. */
  next(maxBytes: number): Promise<{ readonly data: Uint8Array; readonly done: boolean }>;
  close(): void;
}

/** Something waits for room on the disk; it becomes durable by itself once there is some. */
export interface StorageStall {
  /** Commits, and the opening of the store; or only checkpoints and what else goes to the state, and commits go on. */
  readonly waits: 'commits' | 'state';
  /**
   * - `full`: the disk is full;
   * - `quota`: the journal is, by its quota, while the disk has room: the next checkpoint makes some;
   * - `unopened`: a file could not be opened, mostly because the process has no descriptors left.
   */
  readonly reason: 'full' | 'quota' | 'unopened';
  /** What was tried and what the disk said. */
  readonly message: string;
  /** When it began, ms on the storage's clock. */
  readonly sinceMs: number;
}

export interface StorageStatus {
  readonly journalBytes: number;
  readonly journalRows: number;
  readonly stateBytes: number;
  readonly commits: number;
  /** Milliseconds that the latest durable commits took, newest last, at most 512. */
  readonly commitMs: readonly number[];
  /** Undefined until they were looked at, and for a storage without files. */
  readonly files?: FileSizes | undefined;
}

/** Bytes of each file, as the file system has it; 0: it is not there. */
export interface FileSizes {
  readonly journal: number;
  readonly state: number;
  /** Of the state's write-ahead log. */
  readonly stateWal: number;
}

/** Told when something begins to wait for room (again, if it is something else or for another reason), and when nothing does. */
export type OnStall = (stall: StorageStall | undefined) => void;

export interface Storage {
  /**
   * Reads everything back. Waits while the disk is full (see `stall`); only closing the storage rejects it then, with
   * `StorageFull`. Rejects with `StorageCorruption` if what was durable cannot be trusted (s69).
   */
  open(): Promise<Recovered>;

  /**
   * Makes all of it durable, or rejects. An append that would leave a gap rejects with `RangeError` and has no effect.
   * Commits become durable in the order of the calls. While there is no room, on the disk or under the configured limit,
   * they wait (see `stall`); only closing the storage rejects what waits, with `StorageFull`. After a rejection every
   * later call rejects too: a failed sync is never retried (s70).
   * @throws StorageFailure when a write or a sync failed
   */
  commit(writes: readonly GroupWrite[]): Promise<void>;

  /**
   * Applies rows and metas of all groups given, durably, then lets the journal forget what the checkpoints cover. Each
   * group whole, but not all at the same moment: after a crash some may have been and others not. At most one at a time.
   * `commit` goes on meanwhile and waits at most for the sync of one transaction: some ms, more only if one group alone
   * has many rows (80 ms at 100,000). Metas may not go back. An empty list only shortens the journal.
   */
  checkpoint(groups: readonly GroupCheckpoint[]): Promise<void>;

  /** A row of the durable state, synchronously; undefined when absent. Sees whole checkpoints of a group only. */
  read(group: GroupId, key: StateKey): Uint8Array | undefined;

  /** Rows of the durable state whose key starts with `prefix`, in key order, at most `limit`, after `after`. */
  scan(
    group: GroupId,
    prefix: StateKey,
    after: StateKey | undefined,
    limit: number,
  ): (readonly [StateKey, Uint8Array])[];

  /** The group's state as of its last checkpoint; undefined if it has none yet. */
  openSnapshot(group: GroupId): Promise<SnapshotReader | undefined>;

  /**
   * Stages chunk `sequence` of an incoming snapshot; sequence 0 drops what was staged before for the group.
   * Not durable and not visible until `install`. Data that is no chunk rejects with `MalformedBytes` and drops what was
   * staged; a chunk out of turn rejects with `RangeError`. Neither stops the store.
   */
  stageChunk(group: GroupId, sequence: number, data: Uint8Array): Promise<void>;

  /**
   * Replaces state and log of the group by what was staged: durable, atomic (a crash leaves old or new, s65). The log
   * is then empty after `meta.index`; the hard state, if given, is written with it. Ordered with `commit` as called.
   */
  install(group: GroupId, meta: SnapshotMeta, hardState: HardState | undefined): Promise<void>;

  /** Durably keeps a small named value (node identity, cached topology). */
  putMeta(name: string, value: Uint8Array): Promise<void>;

  /** Number of the last durable commit, counted over all openings; never falls, unless the disk goes back in time. */
  readonly position: number;

  status(): StorageStatus;
  /** What waits for room, and why; undefined while nothing does. Costs nothing to ask. */
  readonly stall: StorageStall | undefined;
  /** One listener; called in a turn of its own. */
  onStall(listener: OnStall): void;
  close(): Promise<void>;
}

/** What was durable cannot be trusted; the message says which row of which file, and what the operator can do. */
export class StorageCorruption extends Error {
  override readonly name = 'StorageCorruption';
}

/** The disk, or the configured limit, still was full when the store was closed. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull';
}

/** … the configured limit alone. */
export class JournalFull extends StorageFull {}

/** A write or sync failed; the store accepts no further writes, for what is on disk is no longer known. */
export class StorageFailure extends Error {
  override readonly name = 'StorageFailure';
}
