/**
 * The clock of one replica for the times that it writes into entries while it leads. Pure: all times are parameters.
 *
 * While its replica leads, the clock goes on with the monotonic clock, slewed towards the wall clock by at most `MOST_SLEW` of the
 * elapsed time. It neither falls, nor jumps with the wall clock, nor stands still while a wall clock that was ahead is
 * waited for.
 *
 * Where it starts matters for expiry. A key that was written at time T expires when the time has reached T plus its
 * time to live, so a new leader that begins at its own wall clock would expire keys early if that clock is ahead of the
 * former leader's. Therefore every replica estimates its leader's clock from below:
 * - An entry is *live* if it was not in the log that this process recovered from its disk: some leader sent or proposed
 *   it during this process's life, so its time was at most the leader's clock when it was noted here. An entry that is
 *   sent late, to a replica that catches up, only makes the estimate lower.
 * - The estimate is the time of the newest entry plus the time elapsed since it was noted. Within one term it also
 *   keeps what the entry before it had led to, at the slowest rate that a leader's clock may have; a leader of another
 *   term may have begun lower, so nothing is carried over to its entries.
 * - A replica that noted no live entry does not know how much time has passed. It starts at the later of its wall
 *   clock and the time of its state.
 *
 * So the clock of a new leader that noted a live entry is never ahead of that entry's time plus the time elapsed since,
 * by its own monotonic clock.
 */

/** The most by which the clock is slewed, as a share of elapsed time. */
export const MOST_SLEW = 0.1;
/**
 * The slowest that a leader's clock may seem to go to another node: slewed back, and by a monotonic clock that is slower
 * by as much as leases allow for (`raft/lease.ts`).
 */
export const SLOWEST = (1 - MOST_SLEW) * 0.9;

export class ReplicatedClock {
  /** Lower bound of the leader's clock when the newest entry was noted, by the monotonic clock; see `#isKnown`. */
  #entryMs = 0;
  #notedAtMs = 0;
  #entryTerm = 0;
  /** A live entry was noted. */
  #isKnown = false;
  /** Of the term in which it leads: the clock, and when it was read (monotonic). */
  #term = 0;
  #ms = 0;
  #readAtMs = 0;

  /** `timeMs`: the time of the newest entry, of `term`. To be called once for a batch of entries. */
  noted(timeMs: number, term: number, isLive: boolean, nowMs: number): void {
    // Of a former leader: this leader had not applied it when its term began. Its own are never ahead of its clock.
    if (timeMs > this.#ms + (nowMs - this.#readAtMs) * (1 - MOST_SLEW)) {
      this.#ms = timeMs;
      this.#readAtMs = nowMs;
    }
    const isSameLeader = this.#isKnown && term === this.#entryTerm;
    if (!this.#isKnown && !isLive) return;
    const carriedMs = isSameLeader ? this.#entryMs + (nowMs - this.#notedAtMs) * SLOWEST : 0;
    this.#isKnown = true;
    this.#entryMs = Math.max(timeMs, carriedMs);
    this.#notedAtMs = nowMs;
    this.#entryTerm = term;
  }

  /** Whether the leadership of `term` has read the clock yet. */
  isReadIn(term: number): boolean {
    return term === this.#term;
  }

  /**
   * The time for an entry that the leader of `term` proposes now.
   * @param stateMs the newest time among the entries that this replica has applied
   */
  read(term: number, stateMs: number, nowMs: number, wallMs: number): number {
    if (term === this.#term) {
      const elapsedMs = Math.max(0, nowMs - this.#readAtMs);
      const most = elapsedMs * MOST_SLEW;
      const ahead = wallMs - (this.#ms + elapsedMs);
      this.#ms += elapsedMs + Math.min(Math.max(ahead, -most), most);
    } else {
      this.#term = term;
      this.#ms = this.#isKnown ? this.#entryMs + (nowMs - this.#notedAtMs) : wallMs;
    }
    this.#readAtMs = nowMs;
    this.#ms = Math.max(this.#ms, stateMs);
    return this.#ms;
  }
}
