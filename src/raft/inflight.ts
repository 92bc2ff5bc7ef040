/**
 * The appends in flight to one member: how many, how many bytes, and the last index of each.
 */

/** Acknowledged appends that stay in the arrays before these are compacted. */
const COMPACT_AT = 64;

export class Inflight {
  /** Last index of each append, oldest first; and the bytes of its entries. */
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

  /** Everything up to `index` is acknowledged. */
  freeTo(index: number): void {
    while (this.#head < this.#ends.length && (this.#ends[this.#head] ?? Infinity) <= index) {
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#head++;
    }
    // Not each time that all are acknowledged, which is after most appends: shortening an array costs more than growing it.
    if (this.#head < COMPACT_AT) return;
    this.#ends.splice(0, this.#head);
    this.#sizes.splice(0, this.#head);
    this.#head = 0;
  }

  /** Appends beyond `index` were never sent. */
  cutAfter(index: number): void {
    while (this.count > 0 && (this.#ends.at(-1) ?? 0) > index) {
      this.#ends.pop();
      this.#bytes -= this.#sizes.pop() ?? 0;
    }
  }
}
