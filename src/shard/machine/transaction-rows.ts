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

/** A row in the store, or one that is to be there. */
interface Row {
  readonly open: Open;
  readonly high: number;
  readonly low: number;
}

export class TransactionRows {
  readonly #written = new Map<Holder, Row>();
  readonly #store: StateStore;
  readonly #open: ReadonlyMap<Holder, Open>;

  /** @param open the transactions that are to have rows: each is replaced by another object when it changes */
  constructor(store: StateStore, open: ReadonlyMap<Holder, Open>) {
    this.#store = store;
    this.#open = open;
  }

  hash(): HashSum {
    const sum = new HashSum();
    for (const [holder, open] of this.#open) {
      const { high, low } = this.#unchanged(holder, open) ?? hash64(encodeRow(open));
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
      if (this.#unchanged(holder, open) !== undefined) continue;
      const bytes = encodeRow(open);
      this.#store.set(SPACE + holder, bytes);
      this.#written.set(holder, rowOf(open, bytes));
    }
  }

  /** Reads the rows of the store. @param add makes a transaction of each, and returns it */
  load(add: (holder: Holder, row: Open) => Open): void {
    this.#written.clear();
    for (const [key, bytes] of this.#store.scan(SPACE)) {
      const holder = key.slice(SPACE.length);
      this.#written.set(holder, rowOf(add(holder, decodeRow(bytes)), bytes));
    }
  }

  #unchanged(holder: Holder, open: Open): Row | undefined {
    const row = this.#written.get(holder);
    return row?.open === open ? row : undefined;
  }
}

function rowOf(open: Open, bytes: Uint8Array): Row {
  const { high, low } = hash64(bytes);
  return { open, high, low };
}
