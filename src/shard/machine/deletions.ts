/**
 * The last deletions of a shard, by expiry too: which key, and at which revision. With them "nothing happened to this key
 * since revision 17" can be said of a key that is absent.
 *
 * Keys are kept as their hashes, so that long keys need no memory: of two keys with the same hash, both count as deleted
 * when one was. Deletions are kept from the first program on that a shard applies; before that, and for deletions that
 * were pushed out by later ones, nothing is known, and the answer is no.
 *
 * Decided: they begin there, also in a shard that has had no deletion yet. Instead of: at its first entry. Builds before
 * feature level 3 apply the same plain entries, keep no deletions, and must have the same state; and what a plain entry
 * means cannot depend on the level of a cluster, which replicas learn at different times. It takes another layout of
 * plain commands, written from a further level on.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { binaryString, readU48, writeU32, writeU48 } from '../big-endian.js';
import { hash64 } from '../keys/index.js';
import type { StateStore } from './state-store.js';

/** Deletions kept per shard. */
export const MAX_DELETIONS = 16_384;
const SPACE = '\u0006';

export interface DeletionsState {
  /** Nothing is known about deletions up to this revision; 0: none are kept yet. */
  readonly unknownUpTo: number;
  /** Revision of the last deletion. */
  readonly last: number;
  readonly head: number;
  readonly tail: number;
}

export class Deletions {
  #unknownUpTo = 0;
  #last = 0;
  /** Deletions have numbers; those kept are head..tail−1. */
  #head = 0;
  #tail = 0;
  /** By hash of the row key. */
  readonly #revisions = new Map<string, number>();
  readonly #store: StateStore;
  readonly #most: number;

  constructor(store: StateStore, most = MAX_DELETIONS) {
    this.#store = store;
    this.#most = most;
  }

  get isKept(): boolean {
    return this.#unknownUpTo > 0;
  }

  /** Revision of the last deletion; of the entry before which none are known, if that is later. */
  get last(): number {
    return Math.max(this.#last, this.#unknownUpTo);
  }

  /** Deletions are kept from this revision on. */
  begin(revision: number): void {
    if (!this.isKept) this.#unknownUpTo = revision;
  }

  add(rowKey: StateKey, revision: number): void {
    if (!this.isKept) return;
    this.#last = revision;
    const hash = hashOf(rowKey);
    const row = Buffer.allocUnsafe(ROW_BYTES);
    writeU48(row, 0, revision);
    row.write(hash, 6, 'latin1');
    this.#store.set(numberKey(this.#tail), row);
    this.#tail += 1;
    this.#revisions.set(hash, revision);
    if (this.#tail - this.#head > this.#most) this.#dropOldest();
  }

  /** Whether the key, which is absent, was certainly not deleted after `revision`. */
  isUnchangedSince(rowKey: StateKey, revision: number): boolean {
    if (!this.isKept || revision < this.#unknownUpTo) return false;
    return (this.#revisions.get(hashOf(rowKey)) ?? 0) <= revision;
  }

  state(): DeletionsState {
    return { unknownUpTo: this.#unknownUpTo, last: this.#last, head: this.#head, tail: this.#tail };
  }

  /** @throws StorageCorruption if the rows do not match `state` */
  load({ unknownUpTo, last, head, tail }: DeletionsState): void {
    this.#unknownUpTo = unknownUpTo;
    this.#last = last;
    this.#head = head;
    this.#tail = head;
    this.#revisions.clear();
    if (tail > head) {
      for (const [, row] of this.#store.scan(SPACE)) {
        this.#revisions.set(hashIn(row), readU48(row, 0));
        this.#tail += 1;
      }
    }
    if (this.#tail !== tail) throw new StorageCorruption('the deletions of a shard do not match its checkpoint');
  }

  #dropOldest(): void {
    const key = numberKey(this.#head);
    const row = this.#store.get(key);
    if (row === undefined) throw new StorageCorruption('a deletion of a shard has no row');
    const deleted = hashIn(row);
    const revision = readU48(row, 0);
    // The key may have been created and deleted again since.
    if (this.#revisions.get(deleted) === revision) this.#revisions.delete(deleted);
    this.#unknownUpTo = Math.max(this.#unknownUpTo, revision);
    this.#store.delete(key);
    this.#head += 1;
  }
}

/** Revision 6, hash 8. */
const ROW_BYTES = 14;
const hashIn = (row: Uint8Array): string => binaryString(row, 6, ROW_BYTES);
const hashBytes = Buffer.alloc(8);

function hashOf(rowKey: StateKey): string {
  const { high, low } = hash64(Buffer.from(rowKey, 'latin1'));
  writeU32(hashBytes, 0, high);
  writeU32(hashBytes, 4, low);
  return binaryString(hashBytes, 0, 8);
}

const number = Buffer.alloc(6);

function numberKey(sequence: number): StateKey {
  writeU48(number, 0, sequence);
  return SPACE + binaryString(number, 0, 6);
}
