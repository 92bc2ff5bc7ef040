/**
 * Which keys have a deadline, in the order of their deadlines: a row per key, without a value, whose key begins with the
 * time. So a million deadlines cost no timer and no memory of their own, and survive with the other rows.
 */
import type { RowPage, RowRange, StateKey } from '../../raft/index.js';
import { binaryString, writeU48 } from '../big-endian.js';
import type { StateStore } from './state-store.js';

const SPACE = '\u0004';
/** Behind all rows of the index. */
const END = '\u0005';
const TIME_BYTES = 6;
const NOTHING = new Uint8Array(0);

export class ExpiryIndex {
  /** Number of keys with a deadline. */
  count = 0;
  /** Not after the earliest deadline; infinite without any. */
  #earliestMs = Infinity;
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** The deadline of a record changed; 0 is none. */
  move(rowKey: StateKey, fromMs: number, toMs: number): void {
    if (fromMs !== 0) {
      this.#store.delete(indexKey(fromMs, rowKey));
      this.count -= 1;
    }
    if (toMs === 0) return;
    this.#store.set(indexKey(toMs, rowKey), NOTHING);
    this.count += 1;
    if (toMs < this.#earliestMs) this.#earliestMs = toMs;
  }

  /** Row keys of the records that are due at `nowMs`, the earliest first, at most `limit`. */
  due(nowMs: number, limit: number): StateKey[] {
    if (this.count === 0 || nowMs < this.#earliestMs) return [];
    const { rows, rest } = this.#store.range(
      { from: SPACE, to: timeKey(nowMs + 1), keysOnly: true },
      { rows: limit, bytes: Infinity },
    );
    if (rows.length === 0 && rest === undefined) this.#earliestMs = this.#first();
    return rows.map(([key]) => key.slice(1 + TIME_BYTES));
  }

  /** When a record is due, if not earlier than that; infinite if none has a deadline. */
  get earliestMs(): number {
    return this.count === 0 ? Infinity : this.#earliestMs;
  }

  load(count: number): void {
    this.count = count;
    this.#earliestMs = count === 0 ? Infinity : this.#first();
  }

  #first(): number {
    let left: RowRange | undefined = { from: SPACE, to: END, keysOnly: true };
    let key: StateKey | undefined;
    while (left !== undefined && key === undefined) {
      const page: RowPage = this.#store.range(left, { rows: 1, bytes: Infinity });
      key = page.rows[0]?.[0];
      left = page.rest;
    }
    if (key === undefined) return Infinity;
    let time = 0;
    for (let at = 1; at <= TIME_BYTES; at += 1) time = time * 256 + key.charCodeAt(at);
    return time;
  }
}

const timeBytes = Buffer.alloc(TIME_BYTES);

function timeKey(timeMs: number): StateKey {
  writeU48(timeBytes, 0, timeMs);
  return SPACE + binaryString(timeBytes, 0, TIME_BYTES);
}

const indexKey = (timeMs: number, rowKey: StateKey): StateKey => timeKey(timeMs) + rowKey;
