/**
 * For how long a group has had something to commit and has not got on. Knows no group: it is told, every turn.
 *
 * What counts is what was applied: entries that a quorum has and this node's disk has not are of no use to a client.
 */
export class CommitStall {
  #applied = -1;
  #sinceMs: number | undefined;
  readonly #now: () => number;

  /** `now`: monotonic ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** ms (monotonic) since which nothing was applied although something waits; undefined: nothing waits. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** For so long, in ms; 0: nothing waits. */
  get waitMs(): number {
    return this.#sinceMs === undefined ? 0 : this.#now() - this.#sinceMs;
  }

  /** `applied`: undefined when this replica does not lead, and so owes nobody anything. */
  note(applied: number | undefined, lastIndex: number): void {
    if (applied === undefined || applied >= lastIndex) {
      this.#sinceMs = undefined;
      return;
    }
    if (this.#sinceMs !== undefined && applied === this.#applied) return;
    this.#applied = applied;
    this.#sinceMs = this.#now();
  }
}
