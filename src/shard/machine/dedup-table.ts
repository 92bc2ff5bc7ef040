/**
 * The replicated memory of answers: which operation ids were applied, and what was answered.
 *
 * Bounded by number and by replicated time; what came first goes first, so that every replica forgets the same answer
 * at the same index. An answer is a slot of fixed size in a ring of bytes; nothing is allocated for it. Rows are written at `flush` only, a page of slots each, and only pages that changed; so remembering
 * costs the store nothing per write, and the memory is in every checkpoint and snapshot nevertheless.
 *
 * Of what it forgot, for whatever reason, it knows how much there was (head) and the latest time at which one of those
 * ids was made (horizon): an id that was made later was surely never applied.
 *
 * Invariants:
 * - the live answers are those with sequence numbers head..tail-1; their slots are in `table`, and nothing else is;
 * - head, tail, horizon, hash and the slots depend only on the commands applied, never on when `flush` or `load` ran.
 *
 * Knows no command and no record; time is handed in.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { copyBytes, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS, numberWritten, reads, unknownNumber, type Format } from '../formats.js';
import { DedupIndex } from './dedup-index.js';
import { operationTimeMs } from './operation-id.js';
import { HashSum, hashShort } from './state-hash.js';
import type { StateStore } from './state-store.js';

export interface DedupTableOptions {
  /** Answers kept per shard, 1 or more. */
  readonly maxEntries: number;
  /** Replicated milliseconds for which an answer is kept. */
  readonly windowMs: number;
}

export const AnswerKind = FORMATS.dedupAnswer.numbers;
export type AnswerKind = (typeof AnswerKind)[keyof typeof AnswerKind];

/** An answer in numbers. */
export interface CompactAnswer {
  readonly kind: AnswerKind;
  readonly revision: number;
  /** The version of a put; the current revision of a failed precondition. */
  readonly detail: number;
}

export interface DedupEntry extends CompactAnswer {
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
}

/** What of this memory goes into the machine's meta row. */
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
const SPACE = '\u0001';

export class DedupTable {
  private capacity = FIRST_CAPACITY;
  private ring = Buffer.alloc(FIRST_CAPACITY * SLOT_BYTES);
  private index = new DedupIndex(this.ring, SLOT_BYTES, FIRST_CAPACITY);
  private head = 0;
  private tail = 0;
  /** The latest time in a version 7 id that was forgotten, by number or by time; 0 if none was. */
  private evictionWatermarkMs = 0;
  private readonly hash = new HashSum();
  /** Sequence numbers from here on are in no row yet. */
  private flushedTail = 0;
  /** Pages below have no row. */
  private firstPage = 0;

  constructor(
    private readonly store: StateStore,
    private readonly options: DedupTableOptions,
  ) {}

  get size(): number {
    return this.tail - this.head;
  }

  state(): DedupTableState {
    const { head, tail, evictionWatermarkMs, hash } = this;
    return { head, tail, evictionWatermarkMs, hashHigh: hash.high, hashLow: hash.low };
  }

  /** What was answered under the id at `source[idAt..]`. */
  find(source: Uint8Array, idAt: number): DedupEntry | undefined {
    const position = this.index.find(source, idAt);
    if (position === -1) return undefined;
    const at = position * SLOT_BYTES;
    return {
      fingerprintHigh: readU32(this.ring, at + AT.fingerprint),
      fingerprintLow: readU32(this.ring, at + AT.fingerprint + 4),
      kind: this.ring[at + AT.kind] as AnswerKind,
      revision: readU48(this.ring, at + AT.revision),
      detail: readU48(this.ring, at + AT.detail),
    };
  }

  /** The id at `source[idAt..]` must be unknown. */
  insert(source: Uint8Array, idAt: number, timeMs: number, answer: DedupEntry): void {
    if (this.size === this.options.maxEntries) this.evictOldest();
    if (this.size === this.capacity) this.grow();
    const { ring } = this;
    const at = this.slotOf(this.tail);
    copyBytes(ring, at, source, idAt, idAt + ID_BYTES);
    writeU32(ring, at + AT.fingerprint, answer.fingerprintHigh);
    writeU32(ring, at + AT.fingerprint + 4, answer.fingerprintLow);
    writeU48(ring, at + AT.time, timeMs);
    ring[at + AT.kind] = answer.kind;
    writeU48(ring, at + AT.revision, answer.revision);
    writeU48(ring, at + AT.detail, answer.detail);
    this.appendTail();
  }

  /** Forgets what is as old as the window. */
  evictExpired(clockMs: number): void {
    const oldest = clockMs - this.options.windowMs;
    while (this.head < this.tail && readU48(this.ring, this.slotOf(this.head) + AT.time) <= oldest) this.evictOldest();
  }

  /**
   * Whether an unknown id, made at `timeMs` (undefined if it does not say), may be one that was applied and forgotten,
   * be it for its age or for want of room; if not, it was surely never applied.
   */
  mayHaveEvicted(timeMs: number | undefined): boolean {
    return this.head > 0 && (timeMs === undefined || timeMs <= this.evictionWatermarkMs);
  }

  /** Writes what changed since the last flush into rows. */
  flush(): void {
    const livePage = pageOf(this.head);
    const flushedPages = Math.ceil(this.flushedTail / PAGE_SLOTS);
    for (; this.firstPage < Math.min(livePage, flushedPages); this.firstPage += 1) {
      this.store.delete(rowKey(this.firstPage));
    }
    this.firstPage = livePage;
    if (this.tail > this.flushedTail) {
      const from = Math.max(this.head, this.flushedTail);
      for (let page = pageOf(from); page * PAGE_SLOTS < this.tail; page += 1) {
        if (this.tail > this.head) this.store.set(rowKey(page), this.page(page));
      }
    }
    this.flushedTail = this.tail;
  }

  /** Starts again from the rows. @throws StorageCorruption if they do not hold what `state` says. */
  load(state: DedupTableState): void {
    this.reset(state);
    for (const [, row] of this.store.scan(SPACE)) {
      known(FORMATS.dedupPage, row[0] ?? 0);
      let sequence = readU48(row, 1);
      for (let at = PAGE_HEADER_BYTES; at + SLOT_BYTES <= row.length; at += SLOT_BYTES, sequence += 1) {
        if (sequence < state.head) continue;
        if (sequence !== this.tail) throw corrupt();
        this.readSlot(row.subarray(at, at + SLOT_BYTES));
      }
    }
    const { high, low } = this.hash;
    if (this.tail !== state.tail || high !== state.hashHigh || low !== state.hashLow) throw corrupt();
    this.flushedTail = this.tail;
  }

  private reset(state: DedupTableState): void {
    this.index = new DedupIndex(this.ring, SLOT_BYTES, this.capacity);
    this.head = state.head;
    this.tail = state.head;
    this.firstPage = pageOf(state.head);
    this.evictionWatermarkMs = state.evictionWatermarkMs;
    this.hash.set(0, 0);
  }

  private readSlot(slot: Uint8Array): void {
    if (this.size === this.capacity) this.grow();
    const at = this.slotOf(this.tail);
    known(FORMATS.dedupAnswer, slot[AT.kind] ?? 0);
    this.ring.set(slot, at);
    this.appendTail();
  }

  /** The slot at the tail has been filled. */
  private appendTail(): void {
    const at = this.slotOf(this.tail);
    this.index.add(this.tail % this.capacity);
    this.tail += 1;
    const { high, low } = hashShort(this.ring, at, at + AT.hash);
    writeU32(this.ring, at + AT.hash, high);
    writeU32(this.ring, at + AT.hash + 4, low);
    this.hash.add(high, low);
  }

  private evictOldest(): void {
    const at = this.slotOf(this.head);
    this.hash.subtract(readU32(this.ring, at + AT.hash), readU32(this.ring, at + AT.hash + 4));
    this.evictionWatermarkMs = Math.max(this.evictionWatermarkMs, operationTimeMs(this.ring, at) ?? 0);
    this.index.remove(this.head % this.capacity);
    this.head += 1;
  }

  private slotOf(sequence: number): number {
    return (sequence % this.capacity) * SLOT_BYTES;
  }

  private grow(): void {
    const { ring, capacity } = this;
    this.capacity = 2 * capacity;
    this.ring = Buffer.alloc(this.capacity * SLOT_BYTES);
    this.index = new DedupIndex(this.ring, SLOT_BYTES, this.capacity);
    // In one piece up to where the ring began anew, and in another behind that: so far slots lie the same in both.
    const middle = Math.min(this.tail, (Math.floor(this.head / capacity) + 1) * capacity);
    for (const [from, to] of [
      [this.head, middle],
      [middle, this.tail],
    ] as const) {
      const start = (from % capacity) * SLOT_BYTES;
      ring.copy(this.ring, this.slotOf(from), start, start + (to - from) * SLOT_BYTES);
    }
    for (let sequence = this.head; sequence < this.tail; sequence += 1) this.index.add(sequence % this.capacity);
  }

  /** The live slots of a page, after the layout and the first one's sequence number. */
  private page(page: number): Uint8Array {
    const from = Math.max(page * PAGE_SLOTS, this.head);
    const to = Math.min((page + 1) * PAGE_SLOTS, this.tail);
    const row = Buffer.allocUnsafe(PAGE_HEADER_BYTES + (to - from) * SLOT_BYTES);
    row[0] = LAYOUT;
    writeU48(row, 1, from);
    for (let sequence = from; sequence < to; sequence += 1) {
      const at = this.slotOf(sequence);
      row.set(this.ring.subarray(at, at + SLOT_BYTES), PAGE_HEADER_BYTES + (sequence - from) * SLOT_BYTES);
    }
    return row;
  }
}

/** @throws StorageCorruption, by name, if only another build can read this */
function known(format: Format, number: number): void {
  if (!reads(format, number)) throw new StorageCorruption(unknownNumber(format, number));
}

const pageOf = (sequence: number): number => Math.floor(sequence / PAGE_SLOTS);
const corrupt = (): StorageCorruption =>
  new StorageCorruption('the remembered answers of a shard are not those of its checkpoint');

function rowKey(page: number): StateKey {
  const bytes = Buffer.alloc(6);
  writeU48(bytes, 0, page);
  return SPACE + bytes.toString('latin1');
}
