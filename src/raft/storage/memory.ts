/**
 * The storage port without a disk: for embedded clusters that need no durability, for the simulator and for tests.
 *
 * A `MemoryDisk` holds the durable data and outlives the `MemoryStorage` on it. Writes become durable when a deferred
 * task runs, all pending ones in order, as with one sync; a `crash()` before that loses them. It has the same semantics
 * as `sqlite.ts` and passes the same contract suite.
 */
import { CommitTimes } from './commit-times.js';
import { asError } from '../../thrown.js';
import { JournalIndex, ZERO_HARD_STATE } from './journal/journal-index.js';
import type { JournalRecord } from './journal/row.js';
import { EMPTY_META } from './journal/recovery.js';
import { EMPTY_VIEW, OpenViews } from './open-views.js';
import { EMPTY_PAGE } from './row-range.js';
import { SortedTable } from './state/sorted-table.js';
import { checkSnapshotChunk, decodeStateRows } from './state/state-rows.js';
import { StorageFailure, StorageFull } from './storage.js';
import type {
  GroupCheckpoint,
  GroupWrite,
  OnStall,
  PageBounds,
  Recovered,
  RecoveredGroup,
  RowPage,
  RowRange,
  SnapshotReader,
  StateKey,
  StateView,
  Storage,
  StorageStall,
  StorageStatus,
} from './storage.js';
import type { Entry, GroupId, HardState, SnapshotMeta } from '../types.js';

interface DiskGroup {
  hardState: HardState;
  /** undefined before the first checkpoint. */
  meta: SnapshotMeta | undefined;
  entries: Entry[];
  table: SortedTable;
}

/** What survives a crash. At most one storage at a time can be open on it. */
export class MemoryDisk {
  /** Durable commits so far. */
  position = 0;
  readonly groups = new Map<GroupId, DiskGroup>();
  readonly metas = new Map<string, Uint8Array>();
  /** The storage that is open on this disk. */
  owner: MemoryStorage | undefined;
  /** Once set, every write fails with it (s70): `StorageFull` or `StorageFailure`. */
  failure: Error | undefined;
  #isFull = false;

  /** While the disk is full, nothing becomes durable, and writes wait. */
  get isFull(): boolean {
    return this.#isFull;
  }

  set isFull(value: boolean) {
    this.#isFull = value;
    if (!value) this.owner?.resume();
  }
}

export interface MemoryStorageOptions {
  /** Defers the task that stands for the sync. Default: a microtask. */
  readonly defer?: (task: () => void) => void;
  /** Clock in ms, for `commitMs`. Default: one that stands still. */
  readonly now?: () => number;
  /** Resolves when other work has had its turn, between two groups of a checkpoint. Default: without a pause. */
  readonly nextTurn?: () => Promise<void>;
}

interface PendingWrite {
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Staging {
  rows: (readonly [StateKey, Uint8Array])[];
  chunks: number;
}

export class MemoryStorage implements Storage {
  readonly #disk: MemoryDisk;
  readonly #options: Required<Pick<MemoryStorageOptions, 'defer' | 'now'>>;
  readonly #nextTurn: MemoryStorageOptions['nextTurn'];
  readonly #staging = new Map<GroupId, Staging>();
  readonly #times = new CommitTimes();
  readonly #views: OpenViews;
  #index = new JournalIndex(0);
  #pending: PendingWrite[] = [];
  #lastWrite: Promise<void> = Promise.resolve();
  #failure: Error | undefined = new StorageFailure('the store is not open');
  #isCheckpointing = false;
  #stall: StorageStall | undefined;
  #onStall: OnStall = () => undefined;

  constructor(disk: MemoryDisk, options: MemoryStorageOptions = {}) {
    this.#disk = disk;
    this.#options = { defer: options.defer ?? queueMicrotask, now: options.now ?? (() => 0) };
    this.#nextTurn = options.nextTurn;
    this.#views = new OpenViews(this.#options.now);
  }

  get stall(): StorageStall | undefined {
    return this.#stall;
  }

  onStall(listener: OnStall): void {
    this.#onStall = listener;
  }

  /** @internal The disk has space again. */
  resume(): void {
    if (this.#stall === undefined) return;
    this.#stall = undefined;
    this.#options.defer(() => {
      this.#onStall(undefined);
      this.#sync();
    });
  }

  open(): Promise<Recovered> {
    if (this.#disk.owner !== undefined) {
      return Promise.reject(new StorageFailure('data folder in use: another storage is open on this disk'));
    }
    this.#disk.owner = this;
    this.#failure = undefined;
    this.#index = new JournalIndex(0);
    this.#index.durableTo(Infinity);
    const groups = new Map<GroupId, RecoveredGroup>();
    for (const [group, { hardState, meta, entries }] of this.#disk.groups) {
      const snapshot = meta ?? EMPTY_META;
      groups.set(group, { group, hardState, snapshot, entries: [...entries] });
      this.#index.restore(group, { covered: snapshot.index, hardState, hardSeq: 0, resetSeq: 0 });
      if (entries.length > 0) this.#index.append([{ group, hardState: undefined, entries }]);
    }
    return Promise.resolve({ groups, meta: new Map(this.#disk.metas) });
  }

  /** Simulates a crash: pending writes are lost, their promises never settle, and another storage may open the disk. */
  crash(): void {
    this.#release('the store has crashed');
    this.#pending = [];
  }

  commit(writes: readonly GroupWrite[]): Promise<void> {
    try {
      this.#assertWritable();
      this.#index.check(writes);
    } catch (error) {
      return Promise.reject(asError(error));
    }
    const records = writes.filter(({ hardState, entries }) => hardState !== undefined || entries.length > 0);
    return records.length === 0 ? this.#lastWrite : this.#append(records, undefined);
  }

  #append(records: readonly JournalRecord[], table: SortedTable | undefined): Promise<void> {
    this.#index.append(records);
    const start = this.#options.now();
    return this.#write(() => {
      this.#disk.position++;
      for (const record of records) this.#apply(record, table);
      this.#times.add(this.#options.now() - start);
    });
  }

  #apply({ group, hardState, reset, entries }: JournalRecord, table: SortedTable | undefined): void {
    const onDisk = this.#group(group);
    if (hardState !== undefined) onDisk.hardState = hardState;
    if (reset !== undefined) {
      onDisk.meta = reset.meta;
      onDisk.entries = [];
      onDisk.table = table ?? new SortedTable();
    }
    const first = entries[0];
    if (first === undefined) return;
    const covered = onDisk.meta?.index ?? 0;
    const start = onDisk.entries[0]?.index ?? first.index;
    onDisk.entries.length = Math.max(0, Math.min(onDisk.entries.length, first.index - start));
    for (const entry of entries) if (entry.index > covered) onDisk.entries.push(entry);
  }

  /** `apply` becomes durable when the deferred task runs. */
  #write(apply: () => void): Promise<void> {
    this.#lastWrite = new Promise((resolve, reject) => {
      this.#pending.push({ apply, resolve, reject });
      if (this.#pending.length > 1) return;
      this.#options.defer(() => {
        this.#sync();
      });
    });
    return this.#lastWrite;
  }

  #sync(): void {
    if (this.#disk.isFull && this.#failure === undefined) {
      this.#stall = { waits: 'commits', reason: 'full', message: 'the disk is full', sinceMs: this.#options.now() };
      this.#onStall(this.#stall);
      return;
    }
    const writes = this.#pending;
    this.#pending = [];
    for (const { apply, resolve, reject } of writes) {
      this.#failure ??= this.#disk.failure;
      if (this.#failure !== undefined) {
        reject(this.#failure);
        continue;
      }
      apply();
      resolve();
    }
  }

  async checkpoint(groups: Iterable<GroupCheckpoint>): Promise<void> {
    this.#assertWritable();
    if (this.#isCheckpointing) throw new Error('a checkpoint is under way');
    this.#isCheckpointing = true;
    try {
      const atCall = new Map([...this.#disk.groups].map(([group, { table }]) => [group, table]));
      const parts: (GroupCheckpoint & { readonly table: SortedTable })[] = [];
      for (const { group, meta, rows } of groups) {
        const { table, meta: before } = this.#group(group);
        const stands = before?.index ?? 0;
        if (meta.index < stands) {
          // A snapshot was installed since the call: these rows belong to the replaced state.
          if (atCall.get(group) !== table) continue;
          throw new RangeError(`group ${group}: checkpoint ${meta.index} is behind ${stands}`);
        }
        parts.push({ group, meta, rows: [...rows], table });
        // Nothing is awaited without it: all groups are then taken within the call.
        if (this.#nextTurn !== undefined) await this.#nextTurn();
      }
      const resetsUpTo = this.#index.lastSeq;
      const hardStates = this.#index.unstoredHardStates();
      await this.#write(() => {
        for (const { group, meta, rows, table } of parts) {
          const onDisk = this.#group(group);
          // If a snapshot was installed since the call, these rows belong to the replaced state.
          if (onDisk.table !== table) continue;
          for (const [key, value] of rows) table.put(key, value);
          onDisk.meta = meta;
          onDisk.entries = onDisk.entries.filter(({ index }) => index > meta.index);
          this.#index.cover(group, meta.index);
        }
      });
      this.#index.stored(hardStates, resetsUpTo);
      this.#index.truncatePrefix(this.#index.truncatableTo());
    } finally {
      this.#isCheckpointing = false;
    }
  }

  #group(group: GroupId): DiskGroup {
    let onDisk = this.#disk.groups.get(group);
    if (onDisk === undefined) {
      onDisk = { hardState: ZERO_HARD_STATE, meta: undefined, entries: [], table: new SortedTable() };
      this.#disk.groups.set(group, onDisk);
    }
    return onDisk;
  }

  read(group: GroupId, key: StateKey): Uint8Array | undefined {
    return this.#disk.groups.get(group)?.table.get(key);
  }

  readAll(group: GroupId, keys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    return keys.map((key) => this.read(group, key));
  }

  range(group: GroupId, range: RowRange, bounds: PageBounds): RowPage {
    return this.#disk.groups.get(group)?.table.range(range, bounds) ?? EMPTY_PAGE;
  }

  openView(group: GroupId): StateView {
    this.#assertWritable();
    const table = this.#disk.groups.get(group)?.table;
    return this.#views.open(table?.openView() ?? EMPTY_VIEW);
  }

  openSnapshot(group: GroupId): Promise<SnapshotReader | undefined> {
    const onDisk = this.#disk.groups.get(group);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (onDisk?.meta === undefined) return Promise.resolve(undefined);
    const source = onDisk.table.snapshot(onDisk.meta);
    return Promise.resolve({ ...source, next: (maxBytes) => Promise.resolve(source.next(maxBytes)) });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- so that what is wrong with a chunk rejects
  async stageChunk(group: GroupId, sequence: number, data: Uint8Array): Promise<void> {
    this.#assertWritable();
    if (sequence === 0) this.#staging.set(group, { rows: [], chunks: 0 });
    const staging = this.#staging.get(group);
    if (staging?.chunks !== sequence) {
      throw new RangeError(`group ${group}: chunk ${sequence} where ${staging?.chunks ?? 0} is due`);
    }
    try {
      checkSnapshotChunk(data);
    } catch (error) {
      this.#staging.delete(group);
      throw error;
    }
    staging.chunks++;
    for (const { key, value } of decodeStateRows(Uint8Array.from(data))) {
      if (value !== undefined) staging.rows.push([key.toString('latin1'), value]);
    }
  }

  install(group: GroupId, meta: SnapshotMeta, hardState: HardState | undefined): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const staging = this.#staging.get(group);
    if (staging === undefined) return Promise.reject(new Error(`group ${group}: nothing is staged`));
    this.#staging.delete(group);
    const table = new SortedTable();
    for (const [key, value] of staging.rows) table.put(key, value);
    return this.#append([{ group, hardState, reset: { slot: 0, meta }, entries: [] }], table);
  }

  async putMeta(name: string, value: Uint8Array): Promise<void> {
    this.#assertWritable();
    const copy = Uint8Array.from(value);
    await this.#write(() => {
      this.#disk.metas.set(name, copy);
    });
  }

  get position(): number {
    return this.#disk.position;
  }

  status(): StorageStatus {
    let stateBytes = 0;
    for (const { table } of this.#disk.groups.values()) stateBytes += table.bytes;
    return {
      journalBytes: this.#index.bytes,
      journalRows: this.#index.rows,
      stateBytes,
      ...this.#times.status(),
    };
  }

  async close(): Promise<void> {
    if (this.#stall !== undefined) this.#failure ??= new StorageFull(this.#stall.message);
    if (this.#failure !== undefined) this.#sync();
    if (this.#pending.length > 0) await this.#write(() => undefined).catch(() => undefined);
    this.#release('the store is closed');
  }

  #release(why: string): void {
    if (this.#disk.owner === this) this.#disk.owner = undefined;
    this.#failure = new StorageFailure(why);
    this.#views.closeAll(why);
  }

  #assertWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
