/**
 * The rows of one group's state: a memory table over the durable state.
 *
 * Writes go to the active table. A checkpoint seals it and writes it out while a new one fills; until the sealed table
 * is durable, reads check active, sealed and durable rows in this order. Recently used rows are cached
 * (`row-cache.ts`).
 */
import type { GroupId, StateKey, StateRow, Storage } from '../../raft/index.js';
import type { RowCache } from './row-cache.js';
import type { StateStore } from './state-store.js';

type Table = Map<StateKey, Uint8Array | undefined>;

const PAGE = 512;

export class Memtable implements StateStore {
  #active: Table = new Map();
  #sealed: Table | undefined;
  readonly #storage: Storage;
  readonly #group: GroupId;
  readonly #recent: RowCache;

  constructor(storage: Storage, group: GroupId, recent: RowCache) {
    this.#storage = storage;
    this.#group = group;
    this.#recent = recent;
  }

  get(key: StateKey): Uint8Array | undefined {
    const recent = this.#recent.get(this.#group, key);
    if (recent !== undefined) return recent;
    const found = this.#find(key);
    if (found !== undefined) this.#recent.set(this.#group, key, found);
    return found;
  }

  #find(key: StateKey): Uint8Array | undefined {
    const fresh = this.#active.get(key);
    if (fresh !== undefined) return fresh;
    if (this.#active.has(key)) return undefined;
    const sealed = this.#sealed?.get(key);
    if (sealed !== undefined) return sealed;
    if (this.#sealed?.has(key)) return undefined;
    return this.#storage.read(this.#group, key);
  }

  set(key: StateKey, value: Uint8Array): void {
    this.#active.set(key, value);
    this.#recent.set(this.#group, key, value);
  }

  delete(key: StateKey): void {
    this.#active.set(key, undefined);
    this.#recent.delete(this.#group, key);
  }

  /** Rows that start with `prefix`, in key order: the durable ones overlaid with those in memory. */
  *scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    const rows: Table = new Map();
    for (const row of this.#durable(prefix)) rows.set(row[0], row[1]);
    for (const table of [this.#sealed, this.#active]) {
      for (const [key, value] of table ?? []) if (key.startsWith(prefix)) rows.set(key, value);
    }
    const keys = [...rows.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    for (const key of keys) {
      const value = rows.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  *#durable(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    let after: StateKey | undefined;
    for (;;) {
      const page = this.#storage.scan(this.#group, prefix, after, PAGE);
      yield* page;
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) return;
      after = last[0];
    }
  }

  /** Rows changed since the last `seal`, deletions included, in key order; they stay readable until `release`. */
  seal(): Iterable<StateRow> {
    if (this.#sealed !== undefined) throw new Error('a checkpoint of this group is already in progress');
    const sealed = this.#active;
    this.#sealed = sealed;
    this.#active = new Map();
    return { [Symbol.iterator]: () => inKeyOrder(sealed) };
  }

  /** Drops the sealed rows, which are durable now. */
  release(): void {
    this.#sealed = undefined;
  }

  /** Drops all rows in memory: the durable state was replaced by a snapshot. */
  clear(): void {
    this.#active = new Map();
    this.#sealed = undefined;
    this.#recent.clear(this.#group);
  }
}

/**
 * Sorts rows in the order of the durable state, so that rows of one page are written one after the other: with a
 * million keys, where most rows of a checkpoint change a separate page, puts were 11 to 32 % faster.
 */
function* inKeyOrder(rows: Table): Generator<StateRow, void, undefined> {
  for (const key of [...rows.keys()].sort()) yield [key, rows.get(key)];
}
