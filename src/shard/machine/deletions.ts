/**
 * The last deletions of a shard, by expiry too: which key, and at which revision. With them "nothing happened to this key
 * since revision 17" can be said of a key that is absent.
 *
 * Keys are kept as their hashes, so that long keys need no memory: of two keys with the same hash, both count as deleted
 * when one was. Deletions are kept from the first program on that a shard applies; before that, and for deletions that
 * were pushed out by later ones, nothing is known, and the answer is no.
 *
 * Decided: they begin there, and a leader proposes a program that does nothing as soon as all nodes can read one
 * (`node/expirer.ts`). Instead of: at the first entry. Builds before feature level 3 apply the same plain entries, keep no
 * deletions, and must have the same state; and what a plain entry means cannot depend on the level of a cluster, which
 * replicas learn at different times.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { binaryString, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS } from '../formats.js';
import { hash64 } from '../keys/index.js';
import { SlotRing } from './slot-ring.js';
import type { StateStore } from './state-store.js';

/** Deletions kept per shard. */
export const MAX_DELETIONS = 16_384;
const SPACE = '\u000a';
/** Where builds before this one kept a row for each. */
const FORMER_SPACE = '\u0006';
/** Revision 6, hash 8. */
const SLOT_BYTES = 14;

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
  /** Revision and hash of each, in the order in which they happened. */
  readonly #ring: SlotRing;
  /**
   * By hash of the row key: the revision of its last deletion, of those before `#indexedTo`. Filled when somebody asks: most
   * shards are never asked, and it would be a good part of the time that a deletion takes.
   */
  readonly #revisions = new Map<string, number>();
  #indexedTo = 0;
  readonly #store: StateStore;
  readonly #most: number;
  /** Rows of a former build, a deletion each, that the next flush replaces. */
  #formerRows: StateKey[] = [];

  constructor(store: StateStore, most = MAX_DELETIONS) {
    this.#store = store;
    this.#most = most;
    this.#ring = new SlotRing(store, { space: SPACE, slotBytes: SLOT_BYTES, layout: FORMATS.deletionPage });
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
    const { high, low } = hash64(Buffer.from(rowKey, 'latin1'));
    this.#append(revision, high, low);
    if (this.#ring.size > this.#most) this.#dropOldest();
  }

  /** Whether the key, which is absent, was certainly not deleted after `revision`. */
  isUnchangedSince(rowKey: StateKey, revision: number): boolean {
    if (!this.isKept || revision < this.#unknownUpTo) return false;
    this.#index();
    return (this.#revisions.get(hashOf(rowKey)) ?? 0) <= revision;
  }

  state(): DeletionsState {
    const { head, tail } = this.#ring;
    return { unknownUpTo: this.#unknownUpTo, last: this.#last, head, tail };
  }

  /** Writes the changes since the last flush into rows. */
  flush(): void {
    this.#ring.flush();
    for (const key of this.#formerRows.splice(0)) this.#store.delete(key);
  }

  /** @throws StorageCorruption if the rows do not match `state` */
  load({ unknownUpTo, last, head, tail }: DeletionsState): void {
    this.#unknownUpTo = unknownUpTo;
    this.#last = last;
    this.#revisions.clear();
    this.#formerRows = [];
    this.#ring.load(head, () => undefined);
    this.#indexedTo = head;
    if (this.#ring.tail !== tail) this.#loadFormer();
    if (this.#ring.tail !== tail) throw new StorageCorruption('the deletions of a shard do not match its checkpoint');
  }

  #loadFormer(): void {
    for (const [key, row] of this.#store.scan(FORMER_SPACE)) {
      this.#append(readU48(row, 0), readU32(row, 6), readU32(row, 10));
      this.#formerRows.push(key);
    }
  }

  #append(revision: number, high: number, low: number): void {
    const ring = this.#ring;
    ring.reserve();
    const at = ring.at(ring.tail);
    writeU48(ring.bytes, at, revision);
    writeU32(ring.bytes, at + 6, high);
    writeU32(ring.bytes, at + 10, low);
    ring.tail += 1;
  }

  /** Fills the index up to the last deletion. */
  #index(): void {
    const ring = this.#ring;
    for (let each = Math.max(this.#indexedTo, ring.head); each < ring.tail; each += 1) {
      const at = ring.at(each);
      this.#revisions.set(this.#hashAt(at), readU48(ring.bytes, at));
    }
    this.#indexedTo = ring.tail;
  }

  #dropOldest(): void {
    const ring = this.#ring;
    const at = ring.at(ring.head);
    const revision = readU48(ring.bytes, at);
    if (ring.head < this.#indexedTo) {
      const hash = this.#hashAt(at);
      // The key may have been created and deleted again since.
      if (this.#revisions.get(hash) === revision) this.#revisions.delete(hash);
    }
    this.#unknownUpTo = Math.max(this.#unknownUpTo, revision);
    ring.head += 1;
  }

  #hashAt(at: number): string {
    return binaryString(this.#ring.bytes, at + 6, at + SLOT_BYTES);
  }
}

const hashBytes = Buffer.alloc(8);

function hashOf(rowKey: StateKey): string {
  const { high, low } = hash64(Buffer.from(rowKey, 'latin1'));
  writeU32(hashBytes, 0, high);
  writeU32(hashBytes, 4, low);
  return binaryString(hashBytes, 0, 8);
}
