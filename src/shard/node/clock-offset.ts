/**
 * Estimates how far this node's wall clock is from those of the other nodes, by the wall clocks in their pings. Pure.
 *
 * The time that a ping was under way is not known and counts as none, so a peer seems behind by it. It is at its least
 * for pings that queued behind nothing, so the greatest of the last few differences is taken: the error is the link's
 * own delay. Differences are kept against the monotonic clock, so that a step of this node's wall clock shows at once.
 */
import type { NodeId } from '../../raft/index.js';

/** Pings of a peer that are kept. */
export const PINGS = 5;
/** Among fewer clocks, this one included, it cannot be decided which is wrong. */
const LEAST_CLOCKS = 3;

export class ClockOffset {
  /** Of the last pings of each peer: its wall clock, less the monotonic clock here. */
  readonly #differences = new Map<NodeId, number[]>();

  onPing(peer: NodeId, peerWallMs: number, nowMs: number): void {
    let known = this.#differences.get(peer);
    if (known === undefined) this.#differences.set(peer, (known = []));
    known.push(peerWallMs - nowMs);
    if (known.length > PINGS) known.shift();
  }

  /** The link to the peer is gone. */
  forget(peer: NodeId): void {
    this.#differences.delete(peer);
  }

  /**
   * This node's wall clock less the median of all clocks, its own included; undefined while too few are known.
   * @param counts whether to count the clock of a peer
   */
  offsetMs(nowMs: number, wallMs: number, counts: (peer: NodeId) => boolean): number | undefined {
    const own = wallMs - nowMs;
    const all = [own];
    for (const [peer, known] of this.#differences) if (counts(peer)) all.push(Math.max(...known));
    return all.length < LEAST_CLOCKS ? undefined : own - median(all);
  }
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  const upper = values.length >> 1;
  const lower = (values.length - 1) >> 1;
  return ((values[lower] ?? 0) + (values[upper] ?? 0)) / 2;
}
