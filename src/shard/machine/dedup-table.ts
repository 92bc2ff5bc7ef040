/**
 * A replicated dedup table: which operation ids were applied, and their answers. A shard has three (`dedup.ts`).
 *
 * It is bounded by number and by replicated time; the oldest entry is evicted first, so every replica evicts the same
 * entry at the same index. An entry is a slot of fixed size in a ring buffer; nothing is allocated for it. Only `flush`
 * writes rows, a page of slots each, and only pages that changed: an insert writes nothing to the store, and yet every
 * checkpoint and snapshot has the whole table.
 *
 * For evicted entries it keeps their count (head) and the latest creation time among their ids (the eviction
 * watermark): an id created later was certainly never applied and evicted.
 *
 * Invariants:
 * - the live entries have the sequence numbers head..tail-1; exactly their slots are in `index`;
 * - head, tail, watermark, hash and slots depend only on the commands applied, never on when `flush` or `load` ran.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { copyBytes, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS, numberWritten, reads, unknownNumber, type Format } from '../formats.js';
import { DedupIndex } from './dedup-index.js';
import { operationTimeMs } from './command.js';
import { HashSum, hashShort } from './state-hash.js';
import type { StateStore } from './state-store.js';

export interface DedupTableOptions {
  /** First character of the keys of its rows. */
  readonly space: string;
  /** Entries kept, 1 or more. */
  readonly maxEntries: number;
  /** Milliseconds of replicated time for which an entry is kept. */
  readonly windowMs: number;
  /** Called with every entry that is evicted: its number, and its answer. */
  readonly onEvict?: (sequence: number, kind: AnswerKind, detail: number) => void;
}

export const AnswerKind = FORMATS.dedupAnswer.numbers;
export type AnswerKind = (typeof AnswerKind)[keyof typeof AnswerKind];

/** An answer encoded as numbers. */
export interface CompactAnswer {
  readonly kind: AnswerKind;
  readonly revision: number;
  /** The version of a put; the current revision of a failed precondition; the length of a program's answer. */
  readonly detail: number;
}

export interface DedupEntry extends CompactAnswer {
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
}

/** The part of the table that is kept in the machine's meta row. */
export interface DedupTableState {
  readonly head: number;
  readonly tail: number;
  readonly evictionWatermarkMs: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

// A slot: id 16, fingerprint 8, time 6, kind 1, revision 6, detail 6, hash of these 8.
const ID_BYTES = 16;
const AT = { fingerprint: 16, time: 24, kind: 30, revision: 31, detail: 37, hash: 43 } as const;
const SLOT_BYTES = 51;
/** Slots per row: a checkpoint under load rewrites one page in part and writes the full ones once. */
const PAGE_SLOTS = 128;
const PAGE_HEADER_BYTES = 7;
const LAYOUT = numberWritten(FORMATS.dedupPage);
const FIRST_CAPACITY = 64;

export class DedupTable {
  #capacity = FIRST_CAPACITY;
  #ring = Buffer.alloc(FIRST_CAPACITY * SLOT_BYTES);
  #index = new DedupIndex(this.#ring, SLOT_BYTES, FIRST_CAPACITY);
  #head = 0;
  #tail = 0;
  /** The latest time in a version 7 id that was evicted, by number or by time; 0 if none was. */
  #evictionWatermarkMs = 0;
  readonly #hash = new HashSum();
  /** Sequence numbers from here on are not in any row yet. */
  #flushedTail = 0;
  /** Pages below this one have no row. */
  #firstPage = 0;
  readonly #store: StateStore;
  readonly #options: DedupTableOptions;

  constructor(store: StateStore, options: DedupTableOptions) {
    this.#store = store;
    this.#options = options;
  }

  get size(): number {
    return this.#tail - this.#head;
  }

  state(): DedupTableState {
    const { high: hashHigh, low: hashLow } = this.#hash;
    return { head: this.#head, tail: this.#tail, evictionWatermarkMs: this.#evictionWatermarkMs, hashHigh, hashLow };
  }

  /** No further entry fits without evicting one that is younger than the window. */
  isFullOfYoung(clockMs: number): boolean {
    if (this.size < this.#options.maxEntries) return false;
    return readU48(this.#ring, this.#slotOf(this.#head) + AT.time) > clockMs - this.#options.windowMs;
  }

  /** Number of the entry of the id at `source[idAt..]`, which is in the table. */
  sequenceOf(source: Uint8Array, idAt: number): number {
    const position = this.#index.find(source, idAt);
    const head = this.#head % this.#capacity;
    return this.#head + ((position - head + this.#capacity) % this.#capacity);
  }

  /** The entry of the id at `source[idAt..]`. */
  find(source: Uint8Array, idAt: number): DedupEntry | undefined {
    const position = this.#index.find(source, idAt);
    if (position === -1) return undefined;
    const at = position * SLOT_BYTES;
    return {
      fingerprintHigh: readU32(this.#ring, at + AT.fingerprint),
      fingerprintLow: readU32(this.#ring, at + AT.fingerprint + 4),
      kind: this.#ring[at + AT.kind] as AnswerKind,
      revision: readU48(this.#ring, at + AT.revision),
      detail: readU48(this.#ring, at + AT.detail),
    };
  }

  /** Inserts the id at `source[idAt..]`, which must not be in the table. */
  insert(source: Uint8Array, idAt: number, timeMs: number, answer: DedupEntry): void {
    if (this.size === this.#options.maxEntries) this.#evictOldest();
    if (this.size === this.#capacity) this.#grow();
    const ring = this.#ring;
    const at = this.#slotOf(this.#tail);
    copyBytes(ring, at, source, idAt, idAt + ID_BYTES);
    writeU32(ring, at + AT.fingerprint, answer.fingerprintHigh);
    writeU32(ring, at + AT.fingerprint + 4, answer.fingerprintLow);
    writeU48(ring, at + AT.time, timeMs);
    ring[at + AT.kind] = answer.kind;
    writeU48(ring, at + AT.revision, answer.revision);
    writeU48(ring, at + AT.detail, answer.detail);
    this.#appendTail();
  }

  /** When the oldest entry is as old as the window; infinite without any. */
  get nextExpiryMs(): number {
    if (this.#head === this.#tail) return Infinity;
    return readU48(this.#ring, this.#slotOf(this.#head) + AT.time) + this.#options.windowMs;
  }

  /** Evicts entries that are as old as the window. */
  evictExpired(clockMs: number): void {
    const oldest = clockMs - this.#options.windowMs;
    while (this.#head < this.#tail && readU48(this.#ring, this.#slotOf(this.#head) + AT.time) <= oldest)
      this.#evictOldest();
  }

  /**
   * Whether an unknown id, created at `timeMs` (undefined if the id does not contain it), may have been applied and
   * evicted, because of its age or for lack of space; if not, it was certainly never applied.
   */
  mayHaveEvicted(timeMs: number | undefined): boolean {
    return this.#head > 0 && (timeMs === undefined || timeMs <= this.#evictionWatermarkMs);
  }

  /** Writes the changes since the last flush into rows. */
  flush(): void {
    const livePage = pageOf(this.#head);
    const flushedPages = Math.ceil(this.#flushedTail / PAGE_SLOTS);
    for (; this.#firstPage < Math.min(livePage, flushedPages); this.#firstPage += 1) {
      this.#store.delete(this.#rowKey(this.#firstPage));
    }
    this.#firstPage = livePage;
    if (this.#tail > this.#flushedTail) {
      const from = Math.max(this.#head, this.#flushedTail);
      for (let page = pageOf(from); page * PAGE_SLOTS < this.#tail; page += 1) {
        if (this.#tail > this.#head) this.#store.set(this.#rowKey(page), this.#page(page));
      }
    }
    this.#flushedTail = this.#tail;
  }

  /** Rebuilds the table from its rows. @throws StorageCorruption if they do not match `state`. */
  load(state: DedupTableState): void {
    this.#reset(state);
    for (const [, row] of this.#store.scan(this.#options.space)) {
      known(FORMATS.dedupPage, row[0] ?? 0);
      let sequence = readU48(row, 1);
      for (let at = PAGE_HEADER_BYTES; at + SLOT_BYTES <= row.length; at += SLOT_BYTES, sequence += 1) {
        if (sequence < state.head) continue;
        if (sequence !== this.#tail) throw corrupt();
        this.#readSlot(row.subarray(at, at + SLOT_BYTES));
      }
    }
    const { high, low } = this.#hash;
    if (this.#tail !== state.tail || high !== state.hashHigh || low !== state.hashLow) throw corrupt();
    this.#flushedTail = this.#tail;
  }

  #reset(state: DedupTableState): void {
    this.#index = new DedupIndex(this.#ring, SLOT_BYTES, this.#capacity);
    this.#head = state.head;
    this.#tail = state.head;
    this.#firstPage = pageOf(state.head);
    this.#evictionWatermarkMs = state.evictionWatermarkMs;
    this.#hash.set(0, 0);
  }

  #readSlot(slot: Uint8Array): void {
    if (this.size === this.#capacity) this.#grow();
    const at = this.#slotOf(this.#tail);
    known(FORMATS.dedupAnswer, slot[AT.kind] ?? 0);
    this.#ring.set(slot, at);
    this.#appendTail();
  }

  /** Appends the slot at the tail, which has been filled. */
  #appendTail(): void {
    const at = this.#slotOf(this.#tail);
    this.#index.add(this.#tail % this.#capacity);
    this.#tail += 1;
    const { high, low } = hashShort(this.#ring, at, at + AT.hash);
    writeU32(this.#ring, at + AT.hash, high);
    writeU32(this.#ring, at + AT.hash + 4, low);
    this.#hash.add(high, low);
  }

  #evictOldest(): void {
    const at = this.#slotOf(this.#head);
    this.#hash.subtract(readU32(this.#ring, at + AT.hash), readU32(this.#ring, at + AT.hash + 4));
    this.#evictionWatermarkMs = Math.max(this.#evictionWatermarkMs, operationTimeMs(this.#ring, at) ?? 0);
    this.#index.remove(this.#head % this.#capacity);
    this.#options.onEvict?.(this.#head, this.#ring[at + AT.kind] as AnswerKind, readU48(this.#ring, at + AT.detail));
    this.#head += 1;
  }

  #slotOf(sequence: number): number {
    return (sequence % this.#capacity) * SLOT_BYTES;
  }

  #grow(): void {
    const ring = this.#ring;
    const capacity = this.#capacity;
    this.#capacity = 2 * capacity;
    this.#ring = Buffer.alloc(this.#capacity * SLOT_BYTES);
    this.#index = new DedupIndex(this.#ring, SLOT_BYTES, this.#capacity);
    // Copied in two runs, before and after the wrap of the old ring: within each, slots are contiguous in both rings.
    const middle = Math.min(this.#tail, (Math.floor(this.#head / capacity) + 1) * capacity);
    for (const [from, to] of [
      [this.#head, middle],
      [middle, this.#tail],
    ] as const) {
      const start = (from % capacity) * SLOT_BYTES;
      ring.copy(this.#ring, this.#slotOf(from), start, start + (to - from) * SLOT_BYTES);
    }
    for (let sequence = this.#head; sequence < this.#tail; sequence += 1) this.#index.add(sequence % this.#capacity);
  }

  /** The row of a page: layout, sequence number of the first slot, live slots. */
  #page(page: number): Uint8Array {
    const from = Math.max(page * PAGE_SLOTS, this.#head);
    const to = Math.min((page + 1) * PAGE_SLOTS, this.#tail);
    const row = Buffer.allocUnsafe(PAGE_HEADER_BYTES + (to - from) * SLOT_BYTES);
    row[0] = LAYOUT;
    writeU48(row, 1, from);
    // In two runs, before and after the wrap of the ring.
    const wrap = from + this.#capacity - (from % this.#capacity);
    const middle = Math.min(to, wrap);
    this.#ring.copy(row, PAGE_HEADER_BYTES, this.#slotOf(from), this.#slotOf(from) + (middle - from) * SLOT_BYTES);
    this.#ring.copy(row, PAGE_HEADER_BYTES + (middle - from) * SLOT_BYTES, 0, (to - middle) * SLOT_BYTES);
    return row;
  }

  #rowKey(page: number): StateKey {
    const bytes = Buffer.alloc(6);
    writeU48(bytes, 0, page);
    return this.#options.space + bytes.toString('latin1');
  }
}

/** @throws StorageCorruption, by name, if only another build can read this */
function known(format: Format, number: number): void {
  if (!reads(format, number)) throw new StorageCorruption(unknownNumber(format, number));
}

const pageOf = (sequence: number): number => Math.floor(sequence / PAGE_SLOTS);
const corrupt = (): StorageCorruption =>
  new StorageCorruption('the dedup table of a shard does not match its checkpoint');
