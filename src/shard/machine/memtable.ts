/**
 * The rows of one group's state: a memory table over the durable state.
 *
 * Effects land in `active`. A checkpoint freezes it and writes it out while a new one fills; until the frozen table
 * is durable it is read between the two. What was used of late is remembered besides (`row-cache.ts`). Knows nothing
 * of what rows mean, nor when a checkpoint is due.
 */
import type { GroupId, StateKey, StateRow, Storage } from '../../raft/index.js';
import type { RowCache } from './row-cache.js';
import type { StateStore } from './state-store.js';

type Table = Map<StateKey, Uint8Array | undefined>;

const PAGE = 512;

export class Memtable implements StateStore {
  #active: Table = new Map();
  #frozen: Table | undefined;
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
    const frozen = this.#frozen?.get(key);
    if (frozen !== undefined) return frozen;
    if (this.#frozen?.has(key)) return undefined;
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

  /** Rows that start with `prefix`, in key order: the durable ones with what memory knows better. */
  *scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    const rows: Table = new Map();
    for (const row of this.#durable(prefix)) rows.set(row[0], row[1]);
    for (const table of [this.#frozen, this.#active]) {
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

  /** Rows changed since the last freeze, deletions included, in key order; they stay readable until `thaw`. */
  freeze(): Iterable<StateRow> {
    if (this.#frozen !== undefined) throw new Error('a checkpoint of this group is already under way');
    const frozen = this.#active;
    this.#frozen = frozen;
    this.#active = new Map();
    return { [Symbol.iterator]: () => inKeyOrder(frozen) };
  }

  /** The frozen rows are durable. */
  thaw(): void {
    this.#frozen = undefined;
  }

  /** Forgets what memory knows: the durable state was replaced by a snapshot. */
  clear(): void {
    this.#active = new Map();
    this.#frozen = undefined;
    this.#recent.clear(this.#group);
  }
}

/**
 * In the order in which the durable state lies, so that rows of one page are written one after the other: with a
 * million keys, where most rows of a checkpoint change a page of their own, puts were 11 to 32 % faster.
 */
function* inKeyOrder(rows: Table): Generator<StateRow, void, undefined> {
  for (const key of [...rows.keys()].sort()) yield [key, rows.get(key)];
}
