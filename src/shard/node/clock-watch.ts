/**
 * A node's reaction to a wall clock of its own that is off: it announces to its peers that it should not be given
 * leadership, and hands over the shards that it leads. Their clocks are slewed towards the wall clock of their leader,
 * and a leader without live entries begins at it (`replicated-clock.ts`).
 *
 * The clock is off when it differs from the median by more than `OFF_MS`, by about the same for several rounds: a
 * single late ping, or clocks that are being set, decide nothing. With two nodes nothing is ever decided.
 */
import type { Logger, Runtime } from '../runtime.js';
import { handOver } from './balancer.js';
import { PINGS, type ClockOffset } from './clock-offset.js';
import type { FailureDetector } from './failure-detector.js';
import type { PeerHeartbeats } from './peer-heartbeats.js';
import type { ReplicaSet } from './replica-set.js';

const OFF_MS = 500;
/** Where it counts as right again; lower, so that a clock at the border does not move leadership to and fro. */
const RIGHT_MS = 250;
/**
 * Rounds of maintenance for which the offset must stay the same, within `STEADY_MS`, before it counts. Peers ping once a
 * round: so when all clocks are set back together, the pings from before are forgotten by then.
 */
const ROUNDS = 2 * PINGS;
const STEADY_MS = 250;
/** Between two attempts to hand over, in election timeouts: writes are refused while one is under way. */
const RETRY_ELECTIONS = 10;

export interface ClockWatchParts {
  readonly clockOffset: ClockOffset;
  readonly peerHeartbeats: PeerHeartbeats;
  readonly failureDetector: FailureDetector;
  readonly replicas: ReplicaSet;
  readonly runtime: Pick<Runtime, 'now' | 'wallTime'>;
  readonly logger: Logger;
}

export class ClockWatch {
  readonly #parts: ClockWatchParts;
  #isOff = false;
  /** Since when, in rounds, the offset has been steady and spoken for the other verdict. */
  #rounds = 0;
  #lastMs = 0;
  #nextHandOverMs = 0;

  constructor(parts: ClockWatchParts) {
    this.#parts = parts;
  }

  /** How far this node's wall clock is ahead of the median of all; undefined: unknown. */
  get offsetMs(): number | undefined {
    const { clockOffset, failureDetector, runtime } = this.#parts;
    return clockOffset.offsetMs(runtime.now(), runtime.wallTime(), (peer) => !failureDetector.isDead(peer));
  }

  /** To be called in a turn, once in each round of maintenance. */
  check(): void {
    const { offsetMs } = this;
    const isOff = offsetMs !== undefined && Math.abs(offsetMs) > (this.#isOff ? RIGHT_MS : OFF_MS);
    const isSteady = offsetMs === undefined || Math.abs(offsetMs - this.#lastMs) <= STEADY_MS;
    this.#lastMs = offsetMs ?? 0;
    this.#rounds = isOff === this.#isOff ? 0 : isSteady ? this.#rounds + 1 : 1;
    if (this.#rounds >= ROUNDS) this.#change(isOff, offsetMs);
    if (this.#isOff) this.#handOver();
  }

  #change(isOff: boolean, offsetMs: number | undefined): void {
    const { peerHeartbeats, logger } = this.#parts;
    this.#isOff = isOff;
    this.#rounds = 0;
    this.#nextHandOverMs = 0;
    peerHeartbeats.clockIsOff = isOff;
    peerHeartbeats.ping();
    const fields = { offsetMs: offsetMs === undefined ? undefined : Math.round(offsetMs) };
    if (isOff) logger.warn(fields, 'the wall clock differs from those of the other nodes: leadership is handed over');
    else logger.info(fields, 'the wall clock no longer differs from those of the other nodes');
  }

  #handOver(): void {
    const { replicas, failureDetector, runtime } = this.#parts;
    const now = runtime.now();
    if (now < this.#nextHandOverMs) return;
    // The system group has no clock.
    const timed = [...replicas.all()].filter((replica) => replica.isLeader && !replica.isSystem);
    if (handOver(timed, failureDetector, now) === 0) return;
    for (const replica of timed) replicas.markDirty(replica);
    this.#nextHandOverMs = now + RETRY_ELECTIONS * failureDetector.timeoutMs;
  }
}
