/**
 * Detects a disk that hangs: one that neither completes a write nor fails it. What follows from it: `hung-disk.ts`.
 *
 * A node whose disk hung is given no leadership until the disk has worked for a while: disks that hang once tend to hang
 * again.
 */

/** When the oldest write began that is not durable yet. */
export interface WritesInFlight {
  readonly oldestSinceMs: number | undefined;
}

/** A disk counts as fit again after so many election timeouts in which no write took longer than one. */
const RECOVERY_TIMEOUTS = 10;

export class DiskWatch {
  readonly #writes: WritesInFlight;
  /** A write that takes longer (an election timeout) is one that hangs; may change. */
  timeoutMs: number;
  #lastHungMs = -Infinity;
  #isFit = true;
  #hangs = false;

  constructor(writes: WritesInFlight, timeoutMs: number) {
    this.#writes = writes;
    this.timeoutMs = timeoutMs;
  }

  /** How long the oldest write has been under way; 0 if none is. */
  pendingMs(now: number): number {
    const since = this.#writes.oldestSinceMs;
    return since === undefined ? 0 : Math.max(0, now - since);
  }

  hangs(now: number): boolean {
    return this.pendingMs(now) > this.timeoutMs;
  }

  /** As of the last `check`: may this node be given leadership? */
  get isFit(): boolean {
    return this.#isFit;
  }

  /** `check` would find nothing new, whatever the time is. */
  get isIdle(): boolean {
    return this.#isFit && !this.#hangs && this.#writes.oldestSinceMs === undefined;
  }

  /** To be called often; returns what changed since the last call. */
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
