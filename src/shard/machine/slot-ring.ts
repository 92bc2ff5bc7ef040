/**
 * The newest slots of a sequence, each of the same size, in one buffer. Nothing is allocated for a slot. Only `flush`
 * writes rows, a page of slots each, and only pages that changed: adding a slot writes nothing to the store, and yet every
 * checkpoint and snapshot has them all.
 *
 * Slots have the sequence numbers head..tail−1. The rows depend on nothing else.
 */
import { StorageCorruption } from '../../raft/index.js';
import { readU48, writeU48 } from '../big-endian.js';
import { numberWritten, reads, unknownNumber, type Format } from '../formats.js';
import type { StateStore } from './state-store.js';

export interface SlotRingOptions {
  /** First character of the keys of its rows. */
  readonly space: string;
  readonly slotBytes: number;
  /** Of its rows. */
  readonly layout: Format;
}

/** Slots per row: a checkpoint under load rewrites one page in part and writes the full ones once. */
const PAGE_SLOTS = 128;
const PAGE_HEADER_BYTES = 7;
const FIRST_CAPACITY = 64;

export class SlotRing {
  /** The slots. Another buffer after `reserve` has returned true. */
  bytes: Buffer;
  capacity = FIRST_CAPACITY;
  head = 0;
  tail = 0;
  /** Sequence numbers from here on are not in any row yet. */
  #flushedTail = 0;
  /** Pages below this one have no row. */
  #firstPage = 0;
  readonly #store: StateStore;
  readonly #options: SlotRingOptions;

  constructor(store: StateStore, options: SlotRingOptions) {
    this.#store = store;
    this.#options = options;
    this.bytes = Buffer.alloc(FIRST_CAPACITY * options.slotBytes);
  }

  get size(): number {
    return this.tail - this.head;
  }

  /** Where the slot is in `bytes`. */
  at(sequence: number): number {
    return (sequence % this.capacity) * this.#options.slotBytes;
  }

  /** Makes room for a slot at the tail. @returns true: the slots were moved to another buffer */
  reserve(): boolean {
    if (this.size < this.capacity) return false;
    const { bytes, capacity } = this;
    const { slotBytes } = this.#options;
    this.capacity = 2 * capacity;
    this.bytes = Buffer.alloc(this.capacity * slotBytes);
    // Copied in two runs, before and after the wrap of the old buffer: within each, slots are contiguous in both.
    const middle = Math.min(this.tail, (Math.floor(this.head / capacity) + 1) * capacity);
    for (const [from, to] of [
      [this.head, middle],
      [middle, this.tail],
    ] as const) {
      const start = (from % capacity) * slotBytes;
      bytes.copy(this.bytes, this.at(from), start, start + (to - from) * slotBytes);
    }
    return true;
  }

  /** Writes the changes since the last flush into rows. */
  flush(): void {
    const livePage = pageOf(this.head);
    const flushedPages = Math.ceil(this.#flushedTail / PAGE_SLOTS);
    for (; this.#firstPage < Math.min(livePage, flushedPages); this.#firstPage += 1) {
      this.#store.delete(this.#rowKey(this.#firstPage));
    }
    this.#firstPage = livePage;
    if (this.tail > this.#flushedTail) {
      const from = Math.max(this.head, this.#flushedTail);
      for (let page = pageOf(from); page * PAGE_SLOTS < this.tail; page += 1) {
        if (this.tail > this.head) this.#store.set(this.#rowKey(page), this.#page(page));
      }
    }
    this.#flushedTail = this.tail;
  }

  /**
   * Reads the slots from `head` on from the rows.
   * @param added called with the place of each, which is the last one then
   * @throws StorageCorruption if some are missing between them
   */
  load(head: number, added: (at: number) => void): void {
    const { space, slotBytes, layout } = this.#options;
    this.head = head;
    this.tail = head;
    this.#firstPage = pageOf(head);
    for (const [, row] of this.#store.scan(space)) {
      const number = row[0] ?? 0;
      if (!reads(layout, number)) throw new StorageCorruption(unknownNumber(layout, number));
      let sequence = readU48(row, 1);
      for (let at = PAGE_HEADER_BYTES; at + slotBytes <= row.length; at += slotBytes, sequence += 1) {
        if (sequence < head) continue;
        if (sequence !== this.tail) throw new StorageCorruption('slots of a shard are missing in its checkpoint');
        this.reserve();
        this.bytes.set(row.subarray(at, at + slotBytes), this.at(sequence));
        this.tail += 1;
        added(this.at(sequence));
      }
    }
    this.#flushedTail = this.tail;
  }

  /** The row of a page: layout, sequence number of the first slot, live slots. */
  #page(page: number): Uint8Array {
    const { slotBytes, layout } = this.#options;
    const from = Math.max(page * PAGE_SLOTS, this.head);
    const to = Math.min((page + 1) * PAGE_SLOTS, this.tail);
    const row = Buffer.allocUnsafe(PAGE_HEADER_BYTES + (to - from) * slotBytes);
    row[0] = numberWritten(layout);
    writeU48(row, 1, from);
    // In two runs, before and after the wrap of the buffer.
    const wrap = from + this.capacity - (from % this.capacity);
    const middle = Math.min(to, wrap);
    this.bytes.copy(row, PAGE_HEADER_BYTES, this.at(from), this.at(from) + (middle - from) * slotBytes);
    this.bytes.copy(row, PAGE_HEADER_BYTES + (middle - from) * slotBytes, 0, (to - middle) * slotBytes);
    return row;
  }

  #rowKey(page: number): string {
    const bytes = Buffer.alloc(6);
    writeU48(bytes, 0, page);
    return this.#options.space + bytes.toString('latin1');
  }
}

const pageOf = (sequence: number): number => Math.floor(sequence / PAGE_SLOTS);
