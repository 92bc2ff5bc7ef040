/**
 * The rows of one group's state: a memory table over the durable state.
 *
 * Writes go to the active layer. A checkpoint seals it and writes it out while a new one fills; until the sealed layer
 * is durable, reads check active, sealed and durable rows in this order, and reads in order merge them
 * (`row-cursors.ts`). Recently used rows are cached (`row-cache.ts`).
 */
import { prefixRange } from '../../raft/index.js';
import type { GroupId, PageBounds, RowPage, RowRange, StateKey, StateRow, Storage } from '../../raft/index.js';
import { ExpiryHead, isExpiryKey, isInExpiryIndex } from './expiry-head.js';
import type { CachedRows, HeldRow, RowCache } from './row-cache.js';
import { cursorsOf, mergedPage } from './row-cursors.js';
import type { ReadRange } from './row-cursors.js';
import { RowLayer } from './row-layer.js';
import { RowView } from './row-view.js';
import type { StateStore } from './state-store.js';

/** `HeldRow.layer` of what no layer has. */
const DURABLE = 0;
const SCAN_PAGE: PageBounds = { rows: 512, bytes: 1024 * 1024 };

export class Memtable implements StateStore {
  #active = new RowLayer(1);
  #sealed: RowLayer | undefined;
  readonly #storage: Storage;
  readonly #group: GroupId;
  readonly #cache: RowCache;
  readonly #recent: CachedRows;
  readonly #expiryHead = new ExpiryHead();
  readonly #readDurable: ReadRange;

  constructor(storage: Storage, group: GroupId, cache: RowCache) {
    this.#storage = storage;
    this.#group = group;
    this.#cache = cache;
    this.#recent = cache.of(group);
    // Rows that an earlier memtable of the group has left there name layers of its own.
    cache.clear(group);
    const read: ReadRange = (range, bounds) => storage.range(group, range, bounds);
    // What is due is asked for once.
    this.#readDurable = (range, bounds) =>
      isInExpiryIndex(range) ? read(range, bounds) : cache.pages.read(group, range, bounds, read);
  }

  get(key: StateKey): Uint8Array | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent.value;
    const found = this.#find(key);
    if (found !== undefined) this.#recent.set(key, found);
    return found?.value;
  }

  /** Takes from the cache what is there, and leaves the cache as it is: these rows are not used again soon. */
  getAll(keys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    const rows = new Map<StateKey, Uint8Array | undefined>();
    const durable: StateKey[] = [];
    for (const key of keys) {
      const recent = this.#recent.peek(key);
      const layer = recent === undefined ? this.#layerOf(key) : undefined;
      if (recent === undefined && layer === undefined) durable.push(key);
      else rows.set(key, (recent ?? layer?.get(key))?.value);
    }
    const read = durable.length === 0 ? [] : this.#storage.readAll(this.#group, durable);
    for (const [at, key] of durable.entries()) rows.set(key, read[at]);
    return keys.map((key) => rows.get(key));
  }

  #find(key: StateKey): HeldRow | undefined {
    const layer = this.#layerOf(key);
    if (layer !== undefined) return layer.get(key);
    const value = this.#storage.read(this.#group, key);
    return value && { value, layer: DURABLE };
  }

  /** The newest layer that says what the row is, or that there is none. */
  #layerOf(key: StateKey): RowLayer | undefined {
    if (this.#active.has(key)) return this.#active;
    return this.#sealed?.has(key) === true ? this.#sealed : undefined;
  }

  set(key: StateKey, value: Uint8Array): void {
    const layer = this.#active.number;
    if (isExpiryKey(key)) {
      // The expiry index is only read in order, for which the cache is of no use.
      this.#active.set(key, { value, layer });
      this.#expiryHead.set(key);
    } else if (!this.#recent.replaceLast(key, layer, value)) {
      const row = { value, layer };
      this.#active.set(key, row);
      this.#recent.set(key, row);
    }
  }

  delete(key: StateKey): void {
    this.#active.set(key, undefined);
    if (isExpiryKey(key)) this.#expiryHead.delete(key);
    else this.#recent.delete(key);
  }

  /** Rows that start with `prefix`, in key order. */
  *scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    for (let left: RowRange | undefined = prefixRange(prefix); left !== undefined;) {
      const page: RowPage = this.range(left, SCAN_PAGE);
      yield* page.rows;
      left = page.rest;
    }
  }

  range(range: RowRange, bounds: PageBounds): RowPage {
    return this.#expiryHead.read(range, (from) => this.#merged(from, bounds));
  }

  #merged(range: RowRange, bounds: PageBounds): RowPage {
    const runs = [...this.#active.runs(range), ...(this.#sealed?.runs(range) ?? [])];
    return mergedPage(cursorsOf(runs, range), this.#readDurable, range, bounds);
  }

  /**
   * Opens a view of the rows of `range` as of now. It has references to those in memory, at most what a checkpoint
   * holds, and survives checkpoints and snapshots; its owner bounds its life, see `StateView`. Memory and disk are read
   * in one step, so together they are the state at the applied index.
   * @throws ViewUnavailable
   */
  openView(range: RowRange): RowView {
    const durable = this.#storage.openView(this.#group);
    // The sealed layer does not change any more.
    return new RowView(range, [...this.#active.copyOf(range), ...(this.#sealed?.runs(range) ?? [])], durable);
  }

  /** Rows changed since the last `seal`, deletions included, in key order; they stay readable until `release`. */
  seal(): Iterable<StateRow> {
    if (this.#sealed !== undefined) throw new Error('a checkpoint of this group is already in progress');
    const sealed = this.#active;
    this.#sealed = sealed;
    this.#active = new RowLayer(sealed.number + 1);
    return { [Symbol.iterator]: () => sealed.inKeyOrder() };
  }

  /** Drops the sealed rows, which are durable now. */
  release(): void {
    this.#sealed = undefined;
    this.#cache.pages.clear(this.#group);
  }

  /** Drops all rows in memory: the durable state was replaced by a snapshot. */
  clear(): void {
    this.#active = new RowLayer(this.#active.number + 1);
    this.#sealed = undefined;
    this.#expiryHead.clear();
    this.#cache.clear(this.#group);
  }
}
