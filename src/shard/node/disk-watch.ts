/**
 * Notices a disk that hangs: that neither completes a write nor fails it.
 *
 * A node whose disk hangs leads nothing that another node could lead, and is given nothing to lead until its disk has
 * worked for a while: disks that hang once tend to do it again. Knows no group and no peer.
 */

/** What is looked at: when the oldest write began that is not durable yet. */
export interface WritesUnderWay {
  readonly oldestSinceMs: number | undefined;
}

/** A disk is trusted again after so many election timeouts in which no write took one. */
const CALM_TIMEOUTS = 10;

export class DiskWatch {
  readonly #writes: WritesUnderWay;
  /** A write that takes longer (an election timeout) is one that hangs; may change. */
  timeoutMs: number;
  #hungAtMs = -Infinity;
  #isFit = true;
  #hangs = false;

  constructor(writes: WritesUnderWay, timeoutMs: number) {
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

  /** As of the last `look`: may this node be given leadership? */
  get isFit(): boolean {
    return this.#isFit;
  }

  /** `look` would find nothing new, whatever the time is. */
  get isAtEase(): boolean {
    return this.#isFit && !this.#hangs && this.#writes.oldestSinceMs === undefined;
  }

  /** To be called often. Says what changed since the last call. */
  look(now: number): { readonly began: boolean; readonly changed: boolean } {
    const hangs = this.hangs(now);
    if (hangs) this.#hungAtMs = now;
    const began = hangs && !this.#hangs;
    this.#hangs = hangs;
    const isFit = now - this.#hungAtMs > CALM_TIMEOUTS * this.timeoutMs;
    const changed = isFit !== this.#isFit;
    this.#isFit = isFit;
    return { began, changed };
  }
}
