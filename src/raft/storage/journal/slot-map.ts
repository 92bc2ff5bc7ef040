/**
 * Maps rows of the journal to slots and tracks free slots; built from the slots' headers.
 */
import type { SlotHeader } from './slot.js';
import { corruption } from './recovery.js';

/** Where a row is stored. An unknown slot is 0: its header is damaged, or the slot was never written. */
export interface PlacedRow {
  readonly batch: number;
  readonly rowBytes: number;
  readonly rowCrc: number;
  /** In the order of the parts. */
  readonly slots: number[];
}

export class SlotMap {
  readonly #rows = new Map<number, PlacedRow>();
  /** Slots are taken from the front and returned at the end, so that consecutive rows use consecutive slots. */
  #free: number[] = [];
  /**
   * Count of taken slots at the front of `#free`; shifting thousands of numbers for each row costs more than the row.
   */
  #taken = 0;
  #count = 0;
  #last = 0;

  /**
   * Adds an existing slot; slots are numbered from 1. It is free unless it holds part of a row after `truncatedTo`.
   * @throws StorageCorruption if another slot holds the same part: a failed sync left an unacknowledged row on the disk
   *   unnoticed, and it cannot be told from the acknowledged one
   */
  found(slot: number, header: SlotHeader | undefined, truncatedTo: number): void {
    this.#count = Math.max(this.#count, slot);
    if (header === undefined || header.seq <= truncatedTo || header.part >= header.parts) {
      this.#free.push(slot);
      return;
    }
    let row = this.#rows.get(header.seq);
    if (row === undefined) {
      const { batch, rowBytes, rowCrc, parts } = header;
      row = { batch, rowBytes, rowCrc, slots: new Array<number>(parts).fill(0) };
      this.#rows.set(header.seq, row);
    }
    if (row.slots[header.part] !== 0 || row.rowCrc !== header.rowCrc || row.batch !== header.batch) {
      throw corruption(`journal.db: row ${header.seq} is there twice`);
    }
    row.slots[header.part] = slot;
    this.#last = Math.max(this.#last, header.seq);
  }

  /** Number of all slots, free or not. */
  get count(): number {
    return this.#count;
  }

  get free(): number {
    return this.#free.length - this.#taken;
  }

  /** The highest row number; 0 if there is no row. */
  get last(): number {
    return this.#last;
  }

  /** First row of the last batch; 0 if there is no row. */
  get lastBatch(): number {
    return this.#rows.get(this.#last)?.batch ?? 0;
  }

  row(seq: number): PlacedRow | undefined {
    return this.#rows.get(seq);
  }

  /** Numbers of the rows after `after`, ascending. */
  after(after: number): number[] {
    return [...this.#rows.keys()].filter((seq) => seq > after).sort((a, b) => a - b);
  }

  /** Adds new free slots and returns their numbers. */
  add(count: number): number[] {
    const added = Array.from({ length: count }, (_, i) => this.#count + 1 + i);
    this.#count += count;
    this.#free.push(...added);
    return added;
  }

  /** Takes free slots for a row; there have to be enough. */
  place(seq: number, row: Omit<PlacedRow, 'slots'>, parts: number): readonly number[] {
    const slots = this.#free.slice(this.#taken, this.#taken + parts);
    this.#taken += parts;
    if (2 * this.#taken > this.#free.length) {
      this.#free = this.#free.slice(this.#taken);
      this.#taken = 0;
    }
    this.#rows.set(seq, { ...row, slots });
    this.#last = Math.max(this.#last, seq);
    return slots;
  }

  /** Frees the slots of rows up to `to`. */
  freeUpTo(to: number): void {
    for (const seq of this.#rows.keys()) if (seq <= to) this.#release(seq);
  }

  /** Frees the slots of rows from `from` on, and returns them. */
  dropFrom(from: number): number[] {
    const free = this.#free.length;
    for (const seq of this.after(from - 1)) this.#release(seq);
    this.#last = Math.max(0, ...this.#rows.keys());
    return this.#free.slice(free);
  }

  #release(seq: number): void {
    const slots = this.#rows.get(seq)?.slots ?? [];
    this.#rows.delete(seq);
    for (const slot of slots) if (slot !== 0) this.#free.push(slot);
  }
}
