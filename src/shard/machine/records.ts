/**
 * The records of a shard: their rows, their number, the hash over them, their deadlines, and what namespaces hold.
 *
 * Every change of a record goes through `write` and `remove`, so all that is kept about records stays in step with their
 * rows. A record without a deadline costs nothing but its row.
 */
import type { PageBounds, RowPage, RowRange, StateKey } from '../../raft/index.js';
import { FORMATS } from '../formats.js';
import type { Deletions } from './deletions.js';
import type { ExpiryIndex } from './expiry-index.js';
import type { Namespaces } from './namespaces.js';
import { expiryOf, hashHighOf, hashLowOf, revisionOf } from './record-row.js';
import { HashSum } from './state-hash.js';
import type { StateStore } from './state-store.js';

/** First character of the row key of a record; the encoded key follows. */
export const RECORD_SPACE = '\0';
const NAMESPACE_TAG = FORMATS.keyTag.numbers.namespace;

export class Records {
  /** Number of live keys. */
  count = 0;
  /** Over all rows. */
  readonly hash = new HashSum();
  readonly namespaces: Namespaces;
  readonly #store: StateStore;
  readonly #expiry: ExpiryIndex;
  readonly #deletions: Deletions;

  constructor(store: StateStore, expiry: ExpiryIndex, deletions: Deletions, namespaces: Namespaces) {
    this.namespaces = namespaces;
    this.#store = store;
    this.#expiry = expiry;
    this.#deletions = deletions;
  }

  get(rowKey: StateKey): Uint8Array | undefined {
    return this.#store.get(rowKey);
  }

  /** For rows that are not used again soon. */
  getAll(rowKeys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    return this.#store.getAll(rowKeys);
  }

  /** A page of the rows of a range of row keys. */
  range(range: RowRange, bounds: PageBounds): RowPage {
    return this.#store.range(range, bounds);
  }

  /** @param old the row that is replaced, as `get` returns it */
  write(rowKey: StateKey, old: Uint8Array | undefined, row: Uint8Array): void {
    let before = 0;
    if (old === undefined) this.count += 1;
    else {
      this.hash.subtract(hashHighOf(old), hashLowOf(old));
      before = expiryOf(old);
    }
    this.hash.add(hashHighOf(row), hashLowOf(row));
    this.#store.set(rowKey, row);
    const after = expiryOf(row);
    if (before !== after) this.#expiry.move(rowKey, before, after);
    if (isInNamespace(rowKey)) this.namespaces.onChange(rowKey, old, row, revisionOf(row));
  }

  /**
   * @param old its row
   * @param revision of the entry that removes it
   */
  remove(rowKey: StateKey, old: Uint8Array, revision: number): void {
    this.count -= 1;
    this.hash.subtract(hashHighOf(old), hashLowOf(old));
    this.#store.delete(rowKey);
    const before = expiryOf(old);
    if (before !== 0) this.#expiry.move(rowKey, before, 0);
    this.#deletions.add(rowKey, revision);
    if (isInNamespace(rowKey)) this.namespaces.onChange(rowKey, old, undefined, revision);
  }
}

const isInNamespace = (rowKey: StateKey): boolean => rowKey.charCodeAt(1) === NAMESPACE_TAG;
