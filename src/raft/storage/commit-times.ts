/** Latencies of the latest durable commits, for `StorageStatus`: a ring buffer of at most 512. */
import type { StorageStatus } from './storage.js';

const CAPACITY = 512;

export class CommitTimes {
  readonly #ring = new Float64Array(CAPACITY);
  #count = 0;

  status(): Pick<StorageStatus, 'commits' | 'commitMs'> {
    return { commits: this.#count, commitMs: this.#latest() };
  }

  add(ms: number): void {
    this.#ring[this.#count % CAPACITY] = ms;
    this.#count++;
  }

  /** Newest last. */
  #latest(): number[] {
    if (this.#count <= CAPACITY) return [...this.#ring.subarray(0, this.#count)];
    const oldest = this.#count % CAPACITY;
    return [...this.#ring.subarray(oldest), ...this.#ring.subarray(0, oldest)];
  }
}
