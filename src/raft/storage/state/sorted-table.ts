/** An ordered map of binary strings to bytes, in memory: a group's durable state in `memory.ts` and the simulator. */
import type { SnapshotSource } from '../files.js';
import { StateRowWriter, prefixEnd, stateRowSize } from './state-rows.js';
import type { StateKey } from '../storage.js';
import type { SnapshotMeta } from '../../types.js';

export class SortedTable {
  readonly #values = new Map<StateKey, Uint8Array>();
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

  scan(prefix: StateKey, after: StateKey | undefined, limit: number): [StateKey, Uint8Array][] {
    this.#keys ??= [...this.#values.keys()].sort(byBytes);
    const end = prefixEnd(prefix);
    const rows: [StateKey, Uint8Array][] = [];
    for (let at = this.#firstAt(prefix, after); at < this.#keys.length && rows.length < limit; at++) {
      const key = this.#keys[at] ?? '';
      if (end !== undefined && key >= end) break;
      const value = this.#values.get(key);
      if (value !== undefined) rows.push([key, value]);
    }
    return rows;
  }

  /** A snapshot of the current contents; later puts do not affect it. */
  snapshot(meta: SnapshotMeta): SnapshotSource {
    const rows = this.scan('', undefined, Infinity);
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

  #firstAt(prefix: StateKey, after: StateKey | undefined): number {
    const keys = this.#keys ?? [];
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = keys[middle] ?? '';
      if (key < prefix || (after !== undefined && key <= after)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const byBytes = (a: StateKey, b: StateKey): number => (a < b ? -1 : 1);
