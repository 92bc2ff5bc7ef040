/** A `StateStore` in a Map. Detects rows that were mutated after they were handed over. */
import type { PageBounds, RowPage, RowRange, StateKey } from '../../src/raft/index.js';
import { SortedTable } from '../../src/raft/storage/state/sorted-table.js';
import type { StateStore } from '../../src/shard/machine/state-store.js';

export class MapStateStore implements StateStore {
  readonly #rows: Map<StateKey, { readonly value: Uint8Array; readonly copy: Uint8Array }>;

  constructor(rows: Iterable<readonly [StateKey, Uint8Array]> = []) {
    this.#rows = new Map();
    for (const [key, value] of rows) this.set(key, value);
  }

  get(key: StateKey): Uint8Array | undefined {
    return this.#rows.get(key)?.value;
  }

  getAll(keys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  set(key: StateKey, value: Uint8Array): void {
    this.#rows.set(key, { value, copy: Uint8Array.from(value) });
  }

  delete(key: StateKey): void {
    this.#rows.delete(key);
  }

  *scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    const keys = [...this.#rows.keys()].filter((key) => key.startsWith(prefix));
    // Without a comparator, by code units: the order of binary strings.
    for (const key of keys.sort()) yield [key, this.get(key) ?? new Uint8Array(0)];
  }

  range(range: RowRange, bounds: PageBounds): RowPage {
    const table = new SortedTable();
    for (const [key, { value }] of this.#rows) table.put(key, value);
    return table.range(range, bounds);
  }

  /** All rows as they are now, on their own memory: what a checkpoint or snapshot would hold. */
  checkpoint(): MapStateStore {
    return new MapStateStore([...this.#rows].map(([key, { value }]) => [key, Uint8Array.from(value)]));
  }

  keys(prefix: StateKey): readonly StateKey[] {
    return [...this.scan(prefix)].map(([key]) => key);
  }

  /** Keys of rows that were mutated after they were stored. */
  alteredRows(): readonly StateKey[] {
    return [...this.#rows].filter(([, { value, copy }]) => Buffer.compare(value, copy) !== 0).map(([key]) => key);
  }
}
