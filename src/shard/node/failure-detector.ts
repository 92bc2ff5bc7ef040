/**
 * Which peers are alive, by when each was last heard from.
 *
 * Pings and Raft messages count as heartbeats, answers to operations do not: a node that has failed goes on refusing
 * them. A link that goes down counts as a failure at once, and so does a ping that says `failed`. Silence counts only
 * against peers that ping this node; nothing is concluded about the others.
 */
import type { NodeId } from '../../raft/index.js';

interface Peer {
  lastHeardMs: number;
  /** Since when it has been alive without a gap: leadership is not moved to a peer that has just come back. */
  aliveSinceMs: number;
  alive: boolean;
  /** Its failure was reported. A link that goes down may leave the report to the silence that follows. */
  reportedDead: boolean;
  stopping: boolean;
}

export class FailureDetector {
  readonly #peers = new Map<NodeId, Peer>();
  /** An election timeout; may change. */
  timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  recordHeartbeat(id: NodeId, now: number): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) {
      this.#peers.set(id, { lastHeardMs: now, aliveSinceMs: now, alive: true, reportedDead: false, stopping: false });
      return;
    }
    peer.lastHeardMs = now;
    peer.reportedDead = false;
    if (!peer.alive) {
      peer.alive = true;
      peer.aliveSinceMs = now;
    }
  }

  recordStopping(id: NodeId, stopping: boolean): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) peer.stopping = stopping;
  }

  /**
   * The link is gone, or the peer has failed.
   * @param reportNow false: it was promised votes (`raft/lease.ts`), and is reported once it was silent for the timeout
   * @returns true: it was alive until now, and is reported by this
   */
  markUnreachable(id: NodeId, reportNow: boolean): boolean {
    const peer = this.#peers.get(id);
    if (peer === undefined) {
      this.#peers.set(id, { lastHeardMs: 0, aliveSinceMs: 0, alive: false, reportedDead: true, stopping: false });
      return false;
    }
    const reported = peer.alive && reportNow;
    peer.alive = false;
    peer.reportedDead ||= reported;
    return reported;
  }

  /** Those of `watched` (they ping this node) that have been silent for the timeout and were not reported yet. */
  takeSilent(watched: readonly NodeId[], now: number): NodeId[] {
    const silent: NodeId[] = [];
    for (const id of watched) {
      const peer = this.#peers.get(id);
      if (peer === undefined || peer.reportedDead || now - peer.lastHeardMs <= this.timeoutMs) continue;
      peer.alive = false;
      peer.reportedDead = true;
      silent.push(id);
    }
    return silent;
  }

  /** Heard from, then silent or unlinked. A peer that was never heard from does not count as dead. */
  isDead(id: NodeId): boolean {
    return this.#peers.get(id)?.alive === false;
  }

  /** Alive for a while, and not about to stop: fit to take over leadership. */
  isSettled(id: NodeId, now: number): boolean {
    const peer = this.#peers.get(id);
    return peer?.alive === true && !peer.stopping && now - peer.aliveSinceMs >= this.timeoutMs;
  }

  alive(): NodeId[] {
    return [...this.#peers].filter(([, peer]) => peer.alive).map(([id]) => id);
  }
}
