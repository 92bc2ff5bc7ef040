/**
 * Detects a disk that hangs: one that neither completes a write nor fails it. `hung-disk.ts` reacts to it.
 *
 * A node whose disk hung is given no leadership until the disk has worked for a while: disks that hang once tend to
 * hang again.
 */

/** Reports when the oldest write that is not durable yet began. */
export interface WritesInFlight {
  readonly oldestSinceMs: number | undefined;
}

/** A disk counts as fit again after this many election timeouts in which no write took longer than one. */
const RECOVERY_TIMEOUTS = 10;

export class DiskWatch {
  readonly #writes: WritesInFlight;
  /** A write that takes longer than this, an election timeout, counts as hanging; may change. */
  timeoutMs: number;
  #lastHungMs = -Infinity;
  #isFit = true;
  #hangs = false;

  constructor(writes: WritesInFlight, timeoutMs: number) {
    this.#writes = writes;
    this.timeoutMs = timeoutMs;
  }

  /** How long the oldest write has been in flight; 0 if there is none. */
  pendingMs(now: number): number {
    const since = this.#writes.oldestSinceMs;
    return since === undefined ? 0 : Math.max(0, now - since);
  }

  hangs(now: number): boolean {
    return this.pendingMs(now) > this.timeoutMs;
  }

  /** Whether this node may be given leadership, as of the last `check`. */
  get isFit(): boolean {
    return this.#isFit;
  }

  /** Whether `check` would find nothing new, however much time passes. */
  get isIdle(): boolean {
    return this.#isFit && !this.#hangs && this.#writes.oldestSinceMs === undefined;
  }

  /** To be called often; returns the changes since the last call. */
  check(now: number): { readonly began: boolean; readonly changed: boolean } {
    const hangs = this.hangs(now);
    if (hangs) this.#lastHungMs = now;
    const began = hangs && !this.#hangs;
    this.#hangs = hangs;
    const isFit = now - this.#lastHungMs > RECOVERY_TIMEOUTS * this.timeoutMs;
    const changed = isFit !== this.#isFit;
    this.#isFit = isFit;
    return { began, changed };
  }
}
