/**
 * When a replica last applied what was committed, and for how long its group has had something to commit and applied
 * nothing. The replica reports once a turn.
 *
 * What counts is what was applied: entries that a quorum has and this node's disk has not are of no use to a client.
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

  /** ms (monotonic) since which nothing was applied although something waits; undefined: nothing waits. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** For so long, in ms; 0: nothing waits. */
  get waitMs(): number {
    return this.#sinceMs === undefined ? 0 : this.#now() - this.#sinceMs;
  }

  /** ms since something was applied, or the replica was started. */
  get sinceAppliedMs(): number {
    return this.#now() - this.#appliedAtMs;
  }

  /** @param leads a replica that does not lead answers nobody, so nothing waits for it */
  note(applied: number, lastIndex: number, leads: boolean): void {
    const hasMoved = applied !== this.#applied;
    if (hasMoved) {
      this.#applied = applied;
      this.#appliedAtMs = this.#now();
    }
    if (!leads || applied >= lastIndex) this.#sinceMs = undefined;
    else if (hasMoved) this.#sinceMs = this.#appliedAtMs;
    else this.#sinceMs ??= this.#now();
  }
}
