/**
 * A replicated dedup table: which operation ids were applied, and their answers. A shard has three (`dedup.ts`).
 *
 * It is bounded by number and by replicated time; the oldest entry is evicted first, so every replica evicts the same
 * entry at the same index. An entry is a slot of fixed size (`slot-ring.ts`).
 *
 * For evicted entries it keeps their count (head) and the latest creation time among their ids (the eviction
 * watermark): an id created later was certainly never applied and evicted.
 *
 * Invariants:
 * - the live entries have the sequence numbers head..tail-1; exactly their slots are in `index`;
 * - head, tail, watermark, hash and slots depend only on the commands applied, never on when `flush` or `load` ran.
 */
import { StorageCorruption } from '../../raft/index.js';
import { copyBytes, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS, reads, unknownNumber } from '../formats.js';
import { DedupIndex } from './dedup-index.js';
import { operationTimeMs } from './command.js';
import { SlotRing } from './slot-ring.js';
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

export class DedupTable {
  readonly #ring: SlotRing;
  #index: DedupIndex;
  /** The latest time in a version 7 id that was evicted, by number or by time; 0 if none was. */
  #evictionWatermarkMs = 0;
  readonly #hash = new HashSum();
  readonly #options: DedupTableOptions;

  constructor(store: StateStore, options: DedupTableOptions) {
    this.#options = options;
    this.#ring = new SlotRing(store, { space: options.space, slotBytes: SLOT_BYTES, layout: FORMATS.dedupPage });
    this.#index = new DedupIndex(this.#ring.bytes, SLOT_BYTES, this.#ring.capacity);
  }

  get size(): number {
    return this.#ring.size;
  }

  state(): DedupTableState {
    const { head, tail } = this.#ring;
    const { high: hashHigh, low: hashLow } = this.#hash;
    return { head, tail, evictionWatermarkMs: this.#evictionWatermarkMs, hashHigh, hashLow };
  }

  /** Number of the oldest entry. */
  get head(): number {
    return this.#ring.head;
  }

  /** Number that the next entry will have. */
  get tail(): number {
    return this.#ring.tail;
  }

  /** No further entry fits without evicting one that is younger than the window. */
  isFullOfYoung(clockMs: number): boolean {
    if (this.size < this.#options.maxEntries) return false;
    return this.#oldestTimeMs > clockMs - this.#options.windowMs;
  }

  /** Number of the entry of the id at `source[idAt..]`, which is in the table. */
  sequenceOf(source: Uint8Array, idAt: number): number {
    const { head, capacity } = this.#ring;
    const position = this.#index.find(source, idAt);
    return head + ((position - (head % capacity) + capacity) % capacity);
  }

  /** The entry of the id at `source[idAt..]`. */
  find(source: Uint8Array, idAt: number): DedupEntry | undefined {
    const position = this.#index.find(source, idAt);
    if (position === -1) return undefined;
    const { bytes } = this.#ring;
    const at = position * SLOT_BYTES;
    return {
      fingerprintHigh: readU32(bytes, at + AT.fingerprint),
      fingerprintLow: readU32(bytes, at + AT.fingerprint + 4),
      kind: bytes[at + AT.kind] as AnswerKind,
      revision: readU48(bytes, at + AT.revision),
      detail: readU48(bytes, at + AT.detail),
    };
  }

  /** Inserts the id at `source[idAt..]`, which must not be in the table. */
  insert(source: Uint8Array, idAt: number, timeMs: number, answer: DedupEntry): void {
    const ring = this.#ring;
    if (ring.size === this.#options.maxEntries) this.#evictOldest();
    if (ring.reserve()) this.#indexAll();
    const { bytes } = ring;
    const at = ring.at(ring.tail);
    copyBytes(bytes, at, source, idAt, idAt + ID_BYTES);
    writeU32(bytes, at + AT.fingerprint, answer.fingerprintHigh);
    writeU32(bytes, at + AT.fingerprint + 4, answer.fingerprintLow);
    writeU48(bytes, at + AT.time, timeMs);
    bytes[at + AT.kind] = answer.kind;
    writeU48(bytes, at + AT.revision, answer.revision);
    writeU48(bytes, at + AT.detail, answer.detail);
    this.#index.add(ring.tail % ring.capacity);
    ring.tail += 1;
    this.#sealSlot(at);
  }

  /** When the oldest entry is as old as the window; infinite without any. */
  get nextExpiryMs(): number {
    return this.size === 0 ? Infinity : this.#oldestTimeMs + this.#options.windowMs;
  }

  /** Evicts entries that are as old as the window. */
  evictExpired(clockMs: number): void {
    const oldest = clockMs - this.#options.windowMs;
    while (this.size > 0 && this.#oldestTimeMs <= oldest) this.#evictOldest();
  }

  /**
   * Whether an unknown id, created at `timeMs` (undefined if the id does not contain it), may have been applied and
   * evicted, because of its age or for lack of space; if not, it was certainly never applied.
   */
  mayHaveEvicted(timeMs: number | undefined): boolean {
    return this.#ring.head > 0 && (timeMs === undefined || timeMs <= this.#evictionWatermarkMs);
  }

  /** Writes the changes since the last flush into rows. */
  flush(): void {
    this.#ring.flush();
  }

  /** Rebuilds the table from its rows. @throws StorageCorruption if they do not match `state`. */
  load(state: DedupTableState): void {
    const ring = this.#ring;
    this.#evictionWatermarkMs = state.evictionWatermarkMs;
    this.#hash.set(0, 0);
    ring.load(state.head, (at) => {
      const kind = ring.bytes[at + AT.kind] ?? 0;
      if (!reads(FORMATS.dedupAnswer, kind)) throw new StorageCorruption(unknownNumber(FORMATS.dedupAnswer, kind));
      this.#sealSlot(at);
    });
    this.#indexAll();
    const { high, low } = this.#hash;
    if (ring.tail !== state.tail || high !== state.hashHigh || low !== state.hashLow) {
      throw new StorageCorruption('the dedup table of a shard does not match its checkpoint');
    }
  }

  get #oldestTimeMs(): number {
    return readU48(this.#ring.bytes, this.#ring.at(this.#ring.head) + AT.time);
  }

  /** The slot was filled: writes its hash. */
  #sealSlot(at: number): void {
    const { bytes } = this.#ring;
    const { high, low } = hashShort(bytes, at, at + AT.hash);
    writeU32(bytes, at + AT.hash, high);
    writeU32(bytes, at + AT.hash + 4, low);
    this.#hash.add(high, low);
  }

  #evictOldest(): void {
    const { bytes, head, capacity } = this.#ring;
    const at = this.#ring.at(head);
    this.#hash.subtract(readU32(bytes, at + AT.hash), readU32(bytes, at + AT.hash + 4));
    this.#evictionWatermarkMs = Math.max(this.#evictionWatermarkMs, operationTimeMs(bytes, at) ?? 0);
    this.#index.remove(head % capacity);
    this.#options.onEvict?.(head, bytes[at + AT.kind] as AnswerKind, readU48(bytes, at + AT.detail));
    this.#ring.head += 1;
  }

  /** The slots are in another buffer. */
  #indexAll(): void {
    const { bytes, capacity, head, tail } = this.#ring;
    this.#index = new DedupIndex(bytes, SLOT_BYTES, capacity);
    for (let sequence = head; sequence < tail; sequence += 1) this.#index.add(sequence % capacity);
  }
}
