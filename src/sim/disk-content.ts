/**
 * The content of a store's two files, as plain data in memory, and the transactions that change it. Every change is
 * made twice: at once in the view of the writing process, and in the durable content when (and if) its sync completes.
 *
 * Has the tables and metadata of `journal-db.ts` and `state-db.ts`. Uses neither time nor random numbers.
 */
import type { GroupId, HardState, SnapshotMeta } from '../raft/index.js';
import { SortedTable, ZERO_HARD_STATE } from '../raft/storage/index.js';
import type { Activation, HardStateAt, RawRow, StateKey, StoredGroup } from '../raft/storage/index.js';

/** The purpose of a transaction. */
export type SyncKind = 'begin' | 'commit' | 'checkpoint' | 'stage' | 'install' | 'truncate' | 'purge' | 'close';

export interface Transaction {
  kind: SyncKind;
  readonly changes: ((content: DiskContent) => void)[];
  /** Journal rows appended; they are also among the changes. */
  readonly rows: RawRow[];
  /** Groups whose durable state advances to a snapshot index. */
  readonly covers: (readonly [GroupId, SnapshotMeta])[];
}

export const emptyTransaction = (kind: SyncKind): Transaction => ({ kind, changes: [], rows: [], covers: [] });

export class DiskContent {
  // The journal.
  readonly rows = new Map<number, RawRow>();
  readonly metas = new Map<string, Uint8Array>();
  lastSeq = 0;
  truncatedTo = 0;
  closed = 0;
  checkpointsDue = 0;
  // The state.
  readonly groups = new Map<GroupId, StoredGroup>();
  readonly slots = new Map<number, SortedTable>();
  readonly garbage = new Set<number>();
  journal = 0;
  checkpoints = 0;
  /** Bytes of state rows written so far: what the write-ahead log of state.db would have grown by. */
  stateBytesWritten = 0;

  /** A copy for a new process. Shares the byte arrays, which are never modified. */
  copy(): DiskContent {
    const copy = new DiskContent();
    copy.become(this);
    return copy;
  }

  /** Replaces the content with that of `other`. */
  become(other: DiskContent): void {
    for (const table of [this.rows, this.metas, this.groups, this.slots, this.garbage]) table.clear();
    for (const [seq, row] of other.rows) this.rows.set(seq, row);
    for (const [name, value] of other.metas) this.metas.set(name, value);
    for (const [group, stored] of other.groups) this.groups.set(group, stored);
    for (const slot of other.garbage) this.garbage.add(slot);
    for (const [slot, table] of other.slots) this.slots.set(slot, table.copy());
    const { lastSeq, truncatedTo, closed, checkpointsDue, journal, checkpoints } = other;
    Object.assign(this, { lastSeq, truncatedTo, closed, checkpointsDue, journal, checkpoints });
  }

  appendRow(row: RawRow): void {
    this.rows.set(row.seq, row);
    this.lastSeq = row.seq;
  }

  dropRow(seq: number): void {
    if (this.rows.delete(seq) && seq === this.lastSeq) this.lastSeq = seq - 1;
  }

  truncatePrefix(end: number, checkpoints: number): void {
    for (let seq = this.truncatedTo + 1; seq <= end; seq++) this.rows.delete(seq);
    this.truncatedTo = end;
    this.checkpointsDue = checkpoints;
  }

  get stateBytes(): number {
    let bytes = 0;
    for (const table of this.slots.values()) bytes += table.bytes;
    return bytes;
  }

  putState(slot: number, key: StateKey, value: Uint8Array | undefined): void {
    this.tableOf(slot).put(key, value);
    this.stateBytesWritten += key.length + (value?.length ?? 0);
  }

  tableOf(slot: number): SortedTable {
    let table = this.slots.get(slot);
    if (table === undefined) {
      table = new SortedTable();
      this.slots.set(slot, table);
    }
    return table;
  }

  saveMeta(group: GroupId, slot: number, meta: SnapshotMeta): void {
    this.groups.set(group, { ...this.#group(group, slot), meta });
  }

  saveHardState({ group, hardState, seq }: HardStateAt, slotIfNew: number): void {
    this.groups.set(group, { ...this.#group(group, slotIfNew), hardState, hardSeq: seq });
  }

  activate({ group, slot, meta, seq }: Activation): void {
    const old = this.groups.get(group)?.slot;
    if (old === slot) return;
    if (old !== undefined) this.garbage.add(old);
    this.garbage.delete(slot);
    this.groups.set(group, { ...this.#group(group, slot), slot, resetSeq: seq, meta });
  }

  /** Removes a slot that no group uses. */
  dropSlot(slot: number): void {
    this.slots.delete(slot);
    this.garbage.delete(slot);
  }

  /** The group; if unknown, a new one in `slot`. */
  #group(group: GroupId, slot: number): StoredGroup {
    const hardState: HardState = ZERO_HARD_STATE;
    return this.groups.get(group) ?? { group, slot, hardState, hardSeq: 0, resetSeq: 0, meta: undefined };
  }
}
