/**
 * A leader's lease (thesis §6.4.1): how long after a confirmed heartbeat round no other leader can have been elected.
 *
 * A follower promises with its answer to vote for nobody else for a time of its own, from when it *received* the
 * heartbeat; so certainly for that long after it was *sent*. The lease runs from the sending of a round that a quorum
 * confirmed, for the shortest promise of that quorum, less a margin for clocks that run at different speeds.
 *
 * - The promise travels in the answer, so nodes may differ in their timers, in whether leases are enabled, and in their
 *   build: a voter without a promise counts as one of 0 ms.
 * - `nowMs` must be a monotonic clock that advances while the process is stopped. The owner checks `validAt` when a read
 *   arrives and takes the commit index of the same moment, which covers everything committed before. A pause before the
 *   check finds the lease expired; a pause after it delays the answer, but cannot make it older than the read (s50).
 * - A voter counts ticks. The first may come right after the promise, and one after a late one may come early: it
 *   promises two tick lengths less than it counts (`promiseMsOf`).
 * - A leader that transfers its leadership lets voters break the promise: read by lease only while `Raft.mayReadByLease`.
 * - `drop` when the leader steps down, and when leases are turned off.
 *
 * Contexts are those of `Raft.readIndex`.
 */

/** By how much the speeds of two machines' clocks may differ, as a fraction. */
const MAX_CLOCK_DRIFT = 0.1;
/** By how many tick lengths a time counted in ticks may fall short. */
export const SHORT_TICKS = 2;

/** The longest promise, in ms, that a voter with these timers can keep; 0 if they are too short for any. */
export const promiseMsOf = (tickMs: number, electionTicks: number): number =>
  Math.max(0, Math.floor(tickMs * (electionTicks - SHORT_TICKS)));

/** For so many ticks from its start a voter gives no vote, after an earlier process of it promised up to `promisedMs`. */
export const owedTicksOf = (promisedMs: number, tickMs: number): number =>
  promisedMs === 0 ? 0 : Math.ceil(promisedMs / tickMs) + SHORT_TICKS;

interface Round {
  readonly context: number;
  readonly sentMs: number;
}

/** Unanswered rounds kept. Dropping the oldest beyond that only shortens the lease. */
const MAX_ROUNDS = 64;

/** One leader's lease. Initially invalid; `sent` and `confirmed` extend it. */
export class Lease {
  #rounds: Round[] = [];
  #startMs = Infinity;
  #endMs = -Infinity;

  /** A heartbeat round with this context is about to be sent; to be called before it is. `nowMs`: milliseconds. */
  sent(context: number, nowMs: number): void {
    // A context sent again: the answer may be to the first round with it, so that one counts.
    if (context <= (this.#rounds.at(-1)?.context ?? 0)) return;
    this.#rounds.push({ context, sentMs: nowMs });
    if (this.#rounds.length > MAX_ROUNDS) this.#rounds.shift();
  }

  /** A quorum confirmed this context, and so every earlier round; `promiseMs`: the promise of a quorum that came with it. */
  confirmed(context: number, promiseMs: number): void {
    for (let round = this.#rounds[0]; round !== undefined && round.context <= context; round = this.#rounds[0]) {
      this.#rounds.shift();
      const endMs = round.sentMs + promiseMs * (1 - MAX_CLOCK_DRIFT);
      // A longer, earlier promise still holds.
      if (endMs <= this.#endMs) continue;
      this.#startMs = round.sentMs;
      this.#endMs = endMs;
    }
  }

  /** May a read that arrives at `nowMs` be answered without a round? */
  validAt(nowMs: number): boolean {
    return nowMs >= this.#startMs && nowMs < this.#endMs;
  }

  /** Ends the lease: rounds sent before no longer extend it. */
  drop(): void {
    this.#rounds = [];
    this.#startMs = Infinity;
    this.#endMs = -Infinity;
  }
}
