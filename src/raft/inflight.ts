/**
 * The appends under way to one member: how many, how many bytes, and up to which index each reaches.
 *
 * Knows nothing of why one is no longer under way.
 */

/** So many that have arrived are still in the arrays. */
const COMPACT_AT = 64;

export class Inflight {
  /** Last index of each, oldest first; and the bytes of its entries. */
  #ends: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;

  get count(): number {
    return this.#ends.length - this.#head;
  }

  /** Bytes of entry data. */
  get bytes(): number {
    return this.#bytes;
  }

  add(lastIndex: number, bytes: number): void {
    this.#ends.push(lastIndex);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** Those that reach no further than `index` have arrived. */
  freeTo(index: number): void {
    while (this.#head < this.#ends.length && (this.#ends[this.#head] ?? Infinity) <= index) {
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#head++;
    }
    // Not each time that all have arrived, which is after most appends: to shorten an array costs more than to let it grow.
    if (this.#head < COMPACT_AT) return;
    this.#ends.splice(0, this.#head);
    this.#sizes.splice(0, this.#head);
    this.#head = 0;
  }

  /** Those that reach beyond `index` never left. */
  cutAfter(index: number): void {
    while (this.count > 0 && (this.#ends.at(-1) ?? 0) > index) {
      this.#ends.pop();
      this.#bytes -= this.#sizes.pop() ?? 0;
    }
  }
}
