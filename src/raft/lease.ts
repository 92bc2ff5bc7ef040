/**
 * A leader's lease (thesis §6.4.1): how long after a confirmed heartbeat no other leader can have been elected.
 *
 * A quorum that answered a heartbeat gives no vote to anyone else for an election timeout after it *received* it, so
 * certainly not for that long after it was *sent*: the lease runs from the sending of the newest round that a quorum
 * confirmed, and for an election timeout less a margin for clocks that run at different speeds.
 *
 * - `nowMs` is a monotonic clock that goes on while the process is stopped, and the reader asks `validAt` after it
 *   has read, in the same turn: a pause then makes the lease run out, never a stale answer (s50).
 * - The promise must be kept by the voters: `RaftOptions.leaseReads` on every replica, of every node.
 * - A voter counts ticks, and its first tick may come at once: `electionTimeoutMs` is (electionTicks − 1) tick lengths.
 * - A leader that gives its office away breaks the promise itself: read by lease only while `Raft.mayReadByLease`.
 * - `drop` when the role or the term changes.
 *
 * Pure: no clock, no group. Contexts are those of `readIndex`.
 */
export interface LeaseOptions {
  /** How long voters refuse to vote after hearing a leader. */
  readonly electionTimeoutMs: number;
  /** How much longer that time may seem here than there: difference of clock speeds, timer granularity. */
  readonly driftMarginMs: number;
}

interface Round {
  readonly context: number;
  readonly sentMs: number;
}

/** Rounds without an answer that are remembered; of more, the oldest are forgotten, which only shortens the lease. */
const MAX_ROUNDS = 64;

export class Lease {
  readonly durationMs: number;
  #rounds: Round[] = [];
  #startMs: number | undefined;

  constructor({ electionTimeoutMs, driftMarginMs }: LeaseOptions) {
    this.durationMs = electionTimeoutMs - driftMarginMs;
    if (driftMarginMs < 0 || !(this.durationMs > 0)) {
      throw new RangeError(`a lease of ${this.durationMs} ms with a margin of ${driftMarginMs} ms is none`);
    }
  }

  /** A heartbeat round with this context is about to be sent; call it before the round leaves. */
  sent(context: number, nowMs: number): void {
    // A context sent once more: the answer may be to the first sending, so that one counts.
    if (context <= (this.#rounds.at(-1)?.context ?? 0)) return;
    this.#rounds.push({ context, sentMs: nowMs });
    if (this.#rounds.length > MAX_ROUNDS) this.#rounds.shift();
  }

  /** A quorum confirmed this context, and so every earlier round. */
  confirmed(context: number): void {
    for (let round = this.#rounds[0]; round !== undefined && round.context <= context; round = this.#rounds[0]) {
      this.#startMs = round.sentMs;
      this.#rounds.shift();
    }
  }

  validAt(nowMs: number): boolean {
    return this.#startMs !== undefined && nowMs >= this.#startMs && nowMs < this.#startMs + this.durationMs;
  }

  /** Forgets everything: what was sent before grants nothing any more. */
  drop(): void {
    this.#rounds = [];
    this.#startMs = undefined;
  }
}
