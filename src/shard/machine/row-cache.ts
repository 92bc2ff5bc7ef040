/**
 * A cache of recently used rows of all groups of a node, bounded in bytes. It serves most reads, which would take 4 µs
 * of the event loop in SQLite (a fifth of a node's processor time under writes).
 *
 * There are two generations: a row that is used enters the young one; when that reaches half of the bound, the old one
 * is dropped as a whole and the young one takes its place. So a hit needs no reordering, and a row that is used at
 * least once per generation stays. The cache holds the latest value of a row or none.
 *
 * A row that has just been read is often written next, so the last one that was asked for is known without a lookup: at
 * ten thousands of keys, most of the time of a lookup is waiting for the processor's memory.
 */
import type { GroupId, StateKey } from '../../raft/index.js';
import { PageCache } from './page-cache.js';

/** A row in memory. The cache and the newest layer of its memtable share it. */
export interface HeldRow {
  value: Uint8Array;
  /** Number of the memtable's layer that has it; 0: it is durable. */
  readonly layer: number;
}

/** Pages have this part of the bytes beside the rows, so that a scan does not push rows out. */
const PAGES_SHARE = 8;

/** Approximate overhead of a map entry besides key and value. */
export const ROW_OVERHEAD_BYTES = 64;
/** That of a row in this cache: a `HeldRow`, too. */
const HELD_OVERHEAD_BYTES = ROW_OVERHEAD_BYTES + 40;

export class RowCache {
  /** Short pages of durable rows, in bytes of their own. */
  readonly pages: PageCache;
  readonly #mostYoungBytes: number;
  readonly #groups = new Map<GroupId, CachedRows>();
  #youngBytes = 0;

  /** @param maxBytes bound for all groups together; 0 disables the cache. */
  constructor(maxBytes: number) {
    this.#mostYoungBytes = maxBytes / 2;
    this.pages = new PageCache(maxBytes / PAGES_SHARE);
  }

  /** The rows of a group. */
  of(group: GroupId): CachedRows {
    let rows = this.#groups.get(group);
    if (rows === undefined) {
      const grew = (bytes: number): void => {
        this.#youngBytes += bytes;
        if (this.#youngBytes > this.#mostYoungBytes) this.#turnOver();
      };
      this.#groups.set(group, (rows = new CachedRows(grew)));
    }
    return rows;
  }

  /** Drops the group's rows and pages, because its state was replaced. */
  clear(group: GroupId): void {
    this.pages.clear(group);
    this.#groups.get(group)?.clear();
  }

  #turnOver(): void {
    this.#youngBytes = 0;
    for (const rows of this.#groups.values()) rows.turnOver(this.#mostYoungBytes > 0);
  }
}

type Rows = Map<StateKey, HeldRow>;

export class CachedRows {
  #young: Rows = new Map();
  #old: Rows = new Map();
  /** What `get` returned last, or `set` added: in the young generation; undefined: not there. */
  #lastKey: StateKey | undefined;
  #lastRow: HeldRow | undefined;
  readonly #grew: (bytes: number) => void;

  /** @param grew called with the bytes by which the young generation has grown or, if negative, shrunk */
  constructor(grew: (bytes: number) => void) {
    this.#grew = grew;
  }

  get(key: StateKey): HeldRow | undefined {
    let row = this.#young.get(key);
    this.#lastKey = key;
    this.#lastRow = row;
    if (row === undefined) {
      row = this.#old.get(key);
      if (row !== undefined) this.set(key, row);
    }
    return row;
  }

  /** As `get`, but does not count as a use. */
  peek(key: StateKey): HeldRow | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: StateKey, row: HeldRow): void {
    const replaced = this.#youngRow(key);
    this.#young.set(key, row);
    this.#lastKey = key;
    this.#lastRow = row;
    this.#grew(row.value.length - (replaced?.value.length ?? -key.length - HELD_OVERHEAD_BYTES));
  }

  /**
   * Replaces the value within the row, if it is the last one that was asked for, and the layer has it.
   * @returns false: it is not
   */
  replaceLast(key: StateKey, layer: number, value: Uint8Array): boolean {
    const row = key === this.#lastKey ? this.#lastRow : undefined;
    if (row?.layer !== layer) return false;
    const grewBy = value.length - row.value.length;
    row.value = value;
    this.#grew(grewBy);
    return true;
  }

  delete(key: StateKey): void {
    const deleted = this.#youngRow(key);
    if (deleted !== undefined) {
      this.#young.delete(key);
      this.#grew(-deleted.value.length - key.length - HELD_OVERHEAD_BYTES);
    }
    this.#old.delete(key);
    this.#forgetLast();
  }

  clear(): void {
    let bytes = 0;
    for (const [key, { value }] of this.#young) bytes += value.length + key.length + HELD_OVERHEAD_BYTES;
    this.#young.clear();
    this.#old.clear();
    this.#forgetLast();
    this.#grew(-bytes);
  }

  /** The young generation becomes the old one, if any is kept. */
  turnOver(isKept: boolean): void {
    this.#old = isKept ? this.#young : new Map<StateKey, HeldRow>();
    this.#young = new Map();
    this.#forgetLast();
  }

  #youngRow(key: StateKey): HeldRow | undefined {
    return key === this.#lastKey ? this.#lastRow : this.#young.get(key);
  }

  #forgetLast(): void {
    this.#lastKey = undefined;
    this.#lastRow = undefined;
  }
}
