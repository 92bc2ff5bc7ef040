/**
 * The keys and elements of a history, numbered, each element with the transaction that appended it.
 *
 * Everything that is inferred rests on this: an element that is appended once tells, wherever it is read, which
 * transaction was read from. A history in which two transactions may both have appended the same element is refused.
 * An append that certainly did not happen stands aside: its element may be appended again, by a retry.
 */
import { HistoryError } from '../read-history.js';
import { formatScalar, nameOf, type Scalar, type TransactionRecord } from './transaction.js';

export interface Elements {
  readonly keys: readonly Scalar[];
  readonly keyIds: ReadonlyMap<Scalar, number>;
  /** Per key: the number of each element that may have been appended. */
  readonly ids: readonly ReadonlyMap<Scalar, number>[];
  /** By number: the transaction that appended it, its key, and the element. */
  readonly writerOf: readonly number[];
  readonly keyOf: readonly number[];
  readonly valueOf: readonly Scalar[];
  /** By number: what its transaction appended to its key just before; NONE if it is the first. */
  readonly previousOf: readonly number[];
  /** By number: whether its transaction appended nothing more to its key. */
  readonly isFinal: readonly boolean[];
  /** Per key: elements of transactions that did not happen, with such a transaction. */
  readonly aborted: readonly ReadonlyMap<Scalar, number>[];
}

/** Stands for an element that no transaction can have appended, or for the absence of one. */
export const NONE = -1;

/** @throws HistoryError where two appends of one element to one key may both have happened. */
export function indexElements(transactions: readonly TransactionRecord[]): Elements {
  const index = new Indexer();
  for (const [transaction, { ops, ok }] of transactions.entries()) {
    const own = new Map<number, number>();
    for (const [op, key, value] of ops) {
      const keyId = index.key(key);
      if (op !== 'append') continue;
      if (ok === false) index.abort(keyId, value, transaction);
      else index.append(keyId, value, transaction, own);
    }
  }
  return index;
}

class Indexer implements Elements {
  readonly keys: Scalar[] = [];
  readonly keyIds = new Map<Scalar, number>();
  readonly ids: Map<Scalar, number>[] = [];
  readonly writerOf: number[] = [];
  readonly keyOf: number[] = [];
  readonly valueOf: Scalar[] = [];
  readonly previousOf: number[] = [];
  readonly isFinal: boolean[] = [];
  readonly aborted: Map<Scalar, number>[] = [];

  key(key: Scalar): number {
    const known = this.keyIds.get(key);
    if (known !== undefined) return known;
    this.keyIds.set(key, this.keys.length);
    this.ids.push(new Map());
    this.aborted.push(new Map());
    return this.keys.push(key) - 1;
  }

  abort(key: number, value: Scalar, transaction: number): void {
    this.aborted[key]?.set(value, transaction);
  }

  /** @param last per key, the last element that the transaction appended before this one. */
  append(key: number, value: Scalar, transaction: number, last: Map<number, number>): void {
    const ids = this.ids[key];
    const other = ids?.get(value);
    if (other !== undefined) {
      const names = [this.writerOf[other] ?? 0, transaction].map(nameOf);
      throw new HistoryError(
        `${names[0]} and ${names[1]} both append ${formatScalar(value)} to ${formatScalar(this.keys[key] ?? '')}: ` +
          'elements must be unique for their key, or nothing follows from reading one',
      );
    }
    const id = this.writerOf.push(transaction) - 1;
    const before = last.get(key);
    if (before !== undefined) this.isFinal[before] = false;
    last.set(key, id);
    this.keyOf.push(key);
    this.valueOf.push(value);
    this.previousOf.push(before ?? NONE);
    this.isFinal.push(true);
    ids?.set(value, id);
  }
}
