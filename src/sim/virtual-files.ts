/**
 * The two files of a store in memory, with what the engine relies on in SQLite: atomic transactions, one at a time;
 * readers that see only complete durable transactions; snapshots that do not change.
 *
 * The process that has them open works on a view of its own, which has every transaction as soon as it is written;
 * `sync` sends a transaction to the disk, and decides when and whether it becomes durable.
 */
import type { GroupId, SnapshotMeta } from '../raft/index.js';
import { EMPTY_PAGE, EVERYTHING, crc32c } from '../raft/storage/index.js';
import type {
  Activation,
  HardStateAt,
  JournalFile,
  PinnedState,
  RawRow,
  RawStateRow,
  SnapshotSource,
  StateFile,
  StateReader,
  StoredGroup,
} from '../raft/storage/index.js';
import { emptyTransaction } from './disk-content.js';
import type { DiskContent, SyncKind, Transaction } from './disk-content.js';

/** Throws like a failed `COMMIT`. */
export type Sync = (transaction: Transaction) => void;

/** Like the errors of better-sqlite3: a message and a code. */
export const sqliteError = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** The transactions of one file, and the view that they change. */
class Writer {
  readonly view: DiskContent;
  readonly #sync: Sync;
  readonly #reset: () => void;
  #open: Transaction | undefined;

  /** `reset` sets the view to what is durable or on its way, without the open transaction. */
  constructor(view: DiskContent, sync: Sync, reset: () => void) {
    this.view = view;
    this.#sync = sync;
    this.#reset = reset;
  }

  begin(kind: SyncKind): void {
    if (this.#open !== undefined) {
      throw sqliteError('SQLITE_ERROR', 'cannot start a transaction within a transaction');
    }
    this.#open = emptyTransaction(kind);
  }

  /** The open transaction. */
  get current(): Transaction {
    if (this.#open === undefined) throw sqliteError('SQLITE_ERROR', 'no transaction is active');
    return this.#open;
  }

  change(change: (content: DiskContent) => void): void {
    this.current.changes.push(change);
    change(this.view);
  }

  commit(): void {
    const transaction = this.current;
    this.#sync(transaction);
    // If the sync fails, the transaction stays open until it is rolled back: the view differs from the disk.
    this.#open = undefined;
  }

  /** Undoes the open transaction, if any, in the view. */
  rollback(): void {
    if (this.#open === undefined) return;
    this.#open = undefined;
    this.#reset();
  }

  /** Applies the open transaction to the view again. */
  redo(): void {
    for (const change of this.#open?.changes ?? []) change(this.view);
  }

  transaction(kind: SyncKind, work: () => void): void {
    this.begin(kind);
    work();
    this.commit();
  }
}

export class VirtualJournal implements JournalFile {
  readonly #view: DiskContent;
  readonly #writer: Writer;

  constructor(view: DiskContent, sync: Sync, reset: () => void) {
    this.#view = view;
    this.#writer = new Writer(view, sync, reset);
  }

  get truncatedTo(): number {
    return this.#view.truncatedTo;
  }

  get closed(): number {
    return this.#view.closed;
  }

  get checkpointsDue(): number {
    return this.#view.checkpointsDue;
  }

  get last(): number | undefined {
    return this.#view.rows.size > 0 ? this.#view.lastSeq : undefined;
  }

  load(after: number, maxBytes: number): RawRow[] {
    const rows: RawRow[] = [];
    let bytes = 0;
    for (const row of this.#view.rows.values()) {
      if (row.seq <= after) continue;
      rows.push(row);
      bytes += row.data.length;
      if (bytes >= maxBytes) break;
    }
    return rows;
  }

  row(seq: number): RawRow {
    const row = this.#view.rows.get(seq);
    if (row === undefined) throw new Error(`journal.db: row ${seq} is gone`);
    return row;
  }

  metas(): (readonly [string, Uint8Array])[] {
    return [...this.#view.metas];
  }

  transaction(work: () => void): void {
    this.#writer.transaction('commit', work);
  }

  append(seq: number, data: Uint8Array): void {
    if (this.#view.rows.has(seq)) {
      throw new Error(`row ${seq} is there already`);
    }
    const row = { seq, crc: crc32c(data), data };
    this.#writer.current.rows.push(row);
    this.#writer.change((content) => {
      content.appendRow(row);
    });
  }

  putMeta(name: string, value: Uint8Array): void {
    this.#writer.change((content) => content.metas.set(name, value));
  }

  dropTorn(seq: number): void {
    this.#write('begin', (content) => {
      content.dropRow(seq);
    });
  }

  truncatePrefix(to: number, checkpoints: number): void {
    this.#write('truncate', (content) => {
      content.truncatePrefix(to, checkpoints);
    });
  }

  recover(): void {
    this.#writer.rollback();
  }

  ensureDurable(): void {
    // The outcome of a failed sync is decided when the files are reopened: no cache shows what the disk does not have.
  }

  redo(): void {
    this.#writer.redo();
  }

  preallocate(): boolean {
    return false;
  }

  markAllDurable(): number {
    const last = this.last ?? this.truncatedTo;
    if (last !== this.closed) this.#write('close', (content) => (content.closed = last));
    return last;
  }

  #write(kind: SyncKind, change: (content: DiskContent) => void): void {
    this.#writer.transaction(kind, () => {
      this.#writer.change(change);
    });
  }

  close(): void {
    // There is nothing to release.
  }
}

export class VirtualState implements StateFile {
  readonly ensureDurable = (): void => undefined;
  readonly #view: DiskContent;
  readonly #writer: Writer;

  constructor(view: DiskContent, sync: Sync, reset: () => void) {
    this.#view = view;
    this.#writer = new Writer(view, sync, reset);
  }

  get journal(): number {
    return this.#view.journal;
  }

  get checkpoints(): number {
    return this.#view.checkpoints;
  }

  get bytes(): number {
    return this.#view.stateBytes;
  }

  groups(): StoredGroup[] {
    return [...this.#view.groups.values()];
  }

  garbage(): number[] {
    return [...this.#view.garbage];
  }

  /** The kind of the transaction follows from what is written. */
  begin(): void {
    this.#writer.begin('begin');
  }

  commit(): void {
    this.#writer.commit();
  }

  rollback(): void {
    this.#writer.rollback();
  }

  redo(): void {
    this.#writer.redo();
  }

  transaction(work: () => void): void {
    this.#writer.transaction('begin', work);
  }

  writeRow(slot: number, row: RawStateRow): void {
    const key = row.key.toString('latin1');
    // A copy, not a view that would keep the whole chunk.
    const value = row.value === undefined ? undefined : new Uint8Array(row.value);
    this.#writer.change((content) => {
      content.putState(slot, key, value);
    });
  }

  slotOf(group: GroupId): number | undefined {
    return this.#view.groups.get(group)?.slot;
  }

  saveMeta(group: GroupId, slot: number, meta: SnapshotMeta): void {
    this.#writer.current.kind = 'checkpoint';
    this.#writer.current.covers.push([group, meta]);
    this.#writer.change((content) => {
      content.saveMeta(group, slot, meta);
    });
  }

  saveHardState(state: HardStateAt, slotIfNew: number): void {
    this.#writer.change((content) => {
      content.saveHardState(state, slotIfNew);
    });
  }

  saveJournal(seq: number): void {
    this.#writer.change((content) => (content.journal = seq));
  }

  countCheckpoint(): void {
    this.#writer.current.kind = 'checkpoint';
    this.#writer.change((content) => content.checkpoints++);
  }

  markDurableTo(seq: number): void {
    if (seq === this.journal) return;
    this.#writer.transaction('close', () => {
      this.saveJournal(seq);
    });
  }

  addGarbage(slot: number): void {
    this.#writer.current.kind = 'stage';
    this.#writer.change((content) => content.garbage.add(slot));
  }

  isGarbage(slot: number): boolean {
    return this.#view.garbage.has(slot);
  }

  activate(activation: Activation): void {
    this.#writer.current.kind = 'install';
    this.#writer.change((content) => {
      content.activate(activation);
    });
  }

  purge(slot: number, limit: number): boolean {
    const rows = this.#view.slots.get(slot)?.range(EVERYTHING, { rows: limit, bytes: Infinity }).rows ?? [];
    this.#writer.transaction('purge', () => {
      this.#writer.change((content) => {
        if (rows.length < limit) content.dropSlot(slot);
        else for (const [key] of rows) content.putState(slot, key, undefined);
      });
    });
    return rows.length < limit;
  }

  checkpointWal(): void {
    // There is no write-ahead log to checkpoint.
  }

  isCheckpointingWal(): boolean {
    return false;
  }

  close(): void {
    // There is nothing to release.
  }
}

/** The state as of now, in the writer's order; later writes do not change it. */
export function openVirtualSnapshot(view: DiskContent, group: GroupId): SnapshotSource | undefined {
  const stored = view.groups.get(group);
  if (stored?.meta === undefined) return undefined;
  return view.tableOf(stored.slot).snapshot(stored.meta);
}

/** `durable` never shows part of a transaction, so every call sees a slot as of its last complete checkpoint. */
export const virtualReader = (durable: DiskContent): StateReader => ({
  get: (slot, key) => durable.slots.get(slot)?.get(key),
  getAll: (slot, keys) => keys.map((key) => durable.slots.get(slot)?.get(key)),
  range: (slot, range, bounds) => durable.slots.get(slot)?.range(range, bounds) ?? EMPTY_PAGE,
  pin: () => pinned(durable),
  close: () => undefined,
});

function pinned(durable: DiskContent): PinnedState {
  const slots = new Map([...durable.slots].map(([slot, table]) => [slot, table.copy()]));
  const before = durable.stateBytesWritten;
  return {
    range: (slot, range, bounds) => slots.get(slot)?.range(range, bounds) ?? EMPTY_PAGE,
    get walBytes() {
      return durable.stateBytesWritten - before;
    },
    close: () => undefined,
  };
}
