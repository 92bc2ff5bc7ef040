/**
 * A leader's lease (thesis §6.4.1): how long after a confirmed heartbeat no other leader can have been elected.
 *
 * A follower promises with its answer to vote for nobody else for a time of its own, from when it *received* the
 * heartbeat; so certainly for that long after it was *sent*. The lease runs from the sending of a round that a quorum
 * confirmed, for the promise that a quorum of them made, less a margin for clocks that run at different speeds.
 *
 * - The promise travels in the answer, so nodes may differ in their timers, in whether leases are enabled, and in their
 *   build: who promises nothing adds nothing.
 * - `nowMs` is a monotonic clock that goes on while the process is stopped, and the reader asks `validAt` after it
 *   has read, in the same turn: a pause then makes the lease run out, never a stale answer (s50).
 * - A voter counts ticks. Its first may come at once, and of two that are late the second may come early: it promises
 *   two tick lengths less than it counts (`promiseMsOf`).
 * - A leader that hands over breaks the promise itself: read by lease only while `Raft.mayReadByLease`.
 * - `drop` when the role or the term changes.
 *
 * Pure: no clock, no group. Contexts are those of `readIndex`.
 */

/** By how much the speeds of two machines' clocks may differ, as a fraction. The only place where it stands. */
export const MAX_CLOCK_DRIFT = 0.1;
/** By how many ticks what is counted in ticks may be shorter than it says. */
export const SHORT_TICKS = 2;

/** What a voter with these timers may promise, in ms. 0 if they are too short for any promise. */
export const promiseMsOf = (tickMs: number, electionTicks: number): number =>
  Math.max(0, Math.floor(tickMs * (electionTicks - SHORT_TICKS)));

interface Round {
  readonly context: number;
  readonly sentMs: number;
}

/** Rounds without an answer that are remembered; of more, the oldest are forgotten, which only shortens the lease. */
const MAX_ROUNDS = 64;

export class Lease {
  #rounds: Round[] = [];
  #startMs = Infinity;
  #endMs = -Infinity;

  /** A heartbeat round with this context is about to be sent; call it before the round leaves. */
  sent(context: number, nowMs: number): void {
    // A context sent once more: the answer may be to the first sending, so that one counts.
    if (context <= (this.#rounds.at(-1)?.context ?? 0)) return;
    this.#rounds.push({ context, sentMs: nowMs });
    if (this.#rounds.length > MAX_ROUNDS) this.#rounds.shift();
  }

  /** A quorum confirmed this context, and so every earlier round; `promiseMs` is what a quorum promised with it. */
  confirmed(context: number, promiseMs: number): void {
    for (let round = this.#rounds[0]; round !== undefined && round.context <= context; round = this.#rounds[0]) {
      this.#rounds.shift();
      const endMs = round.sentMs + promiseMs * (1 - MAX_CLOCK_DRIFT);
      // What was promised before still holds.
      if (endMs <= this.#endMs) continue;
      this.#startMs = round.sentMs;
      this.#endMs = endMs;
    }
  }

  validAt(nowMs: number): boolean {
    return nowMs >= this.#startMs && nowMs < this.#endMs;
  }

  /** Forgets everything: what was sent before grants nothing any more. */
  drop(): void {
    this.#rounds = [];
    this.#startMs = Infinity;
    this.#endMs = -Infinity;
  }
}
