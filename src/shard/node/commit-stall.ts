/**
 * Tracks when a replica last applied an entry, and for how long its group has had something to commit and applied
 * nothing. The replica reports once a turn.
 *
 * Only applied entries count: entries that a quorum has, but not this node's disk, are of no use to a client.
 */
export class CommitStall {
  #applied = -1;
  #appliedAtMs: number;
  #sinceMs: number | undefined;
  readonly #now: () => number;

  /** `now`: monotonic ms. */
  constructor(now: () => number) {
    this.#now = now;
    this.#appliedAtMs = now();
  }

  /**
   * Start (monotonic ms) of the time in which nothing was applied although something waits; undefined: nothing waits.
   */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** Length of that time in ms; 0: nothing waits. */
  get waitMs(): number {
    return this.#sinceMs === undefined ? 0 : this.#now() - this.#sinceMs;
  }

  /** ms since something was applied, or the replica was started. */
  get sinceAppliedMs(): number {
    return this.#now() - this.#appliedAtMs;
  }

  /**
   * @param leads a replica that does not lead answers no clients, so nothing waits for it
   * @param nowMs when the turn began
   */
  note(applied: number, lastIndex: number, leads: boolean, nowMs: number): void {
    const hasMoved = applied !== this.#applied;
    if (hasMoved) {
      this.#applied = applied;
      this.#appliedAtMs = nowMs;
    }
    if (!leads || applied >= lastIndex) this.#sinceMs = undefined;
    else if (hasMoved) this.#sinceMs = nowMs;
    else this.#sinceMs ??= nowMs;
  }
}
