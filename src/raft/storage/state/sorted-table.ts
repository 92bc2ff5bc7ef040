/** An ordered map of binary strings to bytes, in memory: a group's durable state in `memory.ts` and the simulator. */
import type { SnapshotSource } from '../files.js';
import { EVERYTHING, NO_BOUNDS, NO_VALUE, PageBuilder, lowerBound } from '../row-range.js';
import { StateRowWriter, stateRowSize } from './state-rows.js';
import type { PageBounds, PresentRow, RowPage, RowRange, StateKey, StateView } from '../storage.js';
import type { SnapshotMeta } from '../../types.js';

export class SortedTable {
  #values = new Map<StateKey, Uint8Array>();
  /** Sorted keys; undefined when a key was added or removed since they were last sorted. */
  #keys: StateKey[] | undefined = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get(key: StateKey): Uint8Array | undefined {
    return this.#values.get(key);
  }

  put(key: StateKey, value: Uint8Array | undefined): void {
    const old = this.#values.get(key);
    if (old !== undefined) this.#bytes -= stateRowSize(key, old);
    if (value !== undefined) {
      this.#values.set(key, value);
      this.#bytes += stateRowSize(key, value);
    } else this.#values.delete(key);
    if ((old === undefined) !== (value === undefined)) this.#keys = undefined;
  }

  /** All rows, in key order. */
  rows(): readonly PresentRow[] {
    return this.range(EVERYTHING, NO_BOUNDS).rows;
  }

  /** See `Storage.range`. */
  range(range: RowRange, bounds: PageBounds): RowPage {
    const keys = (this.#keys ??= [...this.#values.keys()].sort(byBytes));
    const { from, to, reverse = false } = range;
    const low = lowerBound(keys, from);
    const high = to === undefined ? keys.length : lowerBound(keys, to);
    const page = new PageBuilder(range, bounds);
    let last: StateKey | undefined;
    for (let count = 0; count < high - low; count++) {
      if (page.isFull) return page.full(last);
      const key = keys[reverse ? high - 1 - count : low + count] ?? '';
      page.add(key, this.#values.get(key) ?? NO_VALUE);
      last = key;
    }
    return page.last();
  }

  /** Another table with the same rows. */
  copy(): SortedTable {
    const copy = new SortedTable();
    copy.#values = new Map(this.#values);
    copy.#keys = this.#keys;
    copy.#bytes = this.#bytes;
    return copy;
  }

  /** A view of the current contents. */
  openView(): StateView {
    const copy = this.copy();
    return { range: (range, bounds) => copy.range(range, bounds), walBytes: 0, close: () => undefined };
  }

  /** A snapshot of the current contents; later puts do not affect it. */
  snapshot(meta: SnapshotMeta): SnapshotSource {
    const rows = this.rows();
    let at = 0;
    return {
      meta,
      prepare: () => false,
      next: (maxBytes) => {
        const writer = new StateRowWriter();
        for (let row = rows[at]; row !== undefined; row = rows[at]) {
          const [key, value] = row;
          if (writer.rows > 0 && writer.bytes + key.length + value.length > maxBytes) break;
          writer.add(key, value);
          at++;
        }
        return { data: writer.take(), done: at === rows.length };
      },
      close: () => undefined,
    };
  }
}

const byBytes = (a: StateKey, b: StateKey): number => (a < b ? -1 : 1);
