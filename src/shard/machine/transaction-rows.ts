/**
 * The rows of transactions, and a hash over them.
 *
 * Only `flush` writes rows: most transactions are prepared, decided and forgotten between two checkpoints, and would
 * otherwise insert, replace and delete a row each. The hash is that of the rows as they are to be, written or not.
 */
import { hash64 } from '../keys/index.js';
import type { Holder } from './locks.js';
import { HashSum } from './state-hash.js';
import type { StateStore } from './state-store.js';
import { decodeRow, encodeRow, type Decided, type Prepared } from './transaction-row.js';

const SPACE = '\u0003';

type Open = Prepared | Decided;

interface Hash {
  readonly high: number;
  readonly low: number;
}

export class TransactionRows {
  /** Rows in the store, and what they were made from; weak, because that may be long and is gone before the row is. */
  readonly #written = new Map<Holder, WeakRef<Open>>();
  /** Of rows, by what they are made from. */
  readonly #hashes = new WeakMap<Open, Hash>();
  readonly #store: StateStore;
  readonly #open: ReadonlyMap<Holder, Open>;

  /** @param open the transactions that are to have rows: each is replaced by another object when it changes */
  constructor(store: StateStore, open: ReadonlyMap<Holder, Open>) {
    this.#store = store;
    this.#open = open;
  }

  hash(): HashSum {
    const sum = new HashSum();
    for (const open of this.#open.values()) {
      const { high, low } = this.#hashes.get(open) ?? this.#hashed(open, encodeRow(open));
      sum.add(high, low);
    }
    return sum;
  }

  /** Writes the changes since the last flush. */
  flush(): void {
    for (const holder of this.#written.keys()) {
      if (this.#open.has(holder)) continue;
      this.#store.delete(SPACE + holder);
      this.#written.delete(holder);
    }
    for (const [holder, open] of this.#open) {
      if (this.#written.get(holder)?.deref() === open) continue;
      const bytes = encodeRow(open);
      this.#store.set(SPACE + holder, bytes);
      this.#note(holder, open, bytes);
    }
  }

  /** Reads the rows of the store. @param add makes a transaction of each, and returns it */
  load(add: (holder: Holder, row: Open) => Open): void {
    this.#written.clear();
    for (const [key, bytes] of this.#store.scan(SPACE)) {
      const holder = key.slice(SPACE.length);
      this.#note(holder, add(holder, decodeRow(bytes)), bytes);
    }
  }

  /** The row is in the store. */
  #note(holder: Holder, open: Open, bytes: Uint8Array): void {
    this.#written.set(holder, new WeakRef(open));
    this.#hashed(open, bytes);
  }

  #hashed(open: Open, bytes: Uint8Array): Hash {
    const { high, low } = hash64(bytes);
    const hash = { high, low };
    this.#hashes.set(open, hash);
    return hash;
  }
}
