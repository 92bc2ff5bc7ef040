/**
 * Tracks which peers are alive, by the time of the last heartbeat from each.
 *
 * Pings and Raft messages count as heartbeats, answers to operations do not, because a failed node still refuses
 * operations. A link that goes down counts as a failure at once, and so does a ping with `failed` set. Silence counts
 * only against peers that ping this node; nothing is concluded about the others.
 */
import type { NodeId } from '../../raft/index.js';

interface Peer {
  lastHeardMs: number;
  /** Start of the current period without a gap: leadership is not moved to a peer that has just come back. */
  aliveSinceMs: number;
  alive: boolean;
  /** Its failure was reported. When a link goes down, the report may be left to the silence that follows. */
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
   * Called when the link is gone, or the peer has failed.
   * @param reportNow false: it holds a promise of votes (`raft/lease.ts`), and is reported after a timeout of silence
   * @returns true: it was alive until now, and this call reports it
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

  /** Those of `peers`, which ping this node, that have been silent for the timeout and were not reported yet. */
  takeSilent(peers: readonly NodeId[], now: number): NodeId[] {
    const silent: NodeId[] = [];
    for (const id of peers) {
      const peer = this.#peers.get(id);
      if (peer === undefined || peer.reportedDead || now - peer.lastHeardMs <= this.timeoutMs) continue;
      peer.alive = false;
      peer.reportedDead = true;
      silent.push(id);
    }
    return silent;
  }

  /** The peer was alive, and is now silent or unlinked. A peer without any heartbeat so far does not count as dead. */
  isDead(id: NodeId): boolean {
    return this.#peers.get(id)?.alive === false;
  }

  /** Alive for a while, and not about to stop: fit to take over leadership. */
  isSettled(id: NodeId, now: number): boolean {
    return this.#peers.get(id)?.stopping === false && this.isSteady(id, now);
  }

  /** Alive for a while. It may have said that it should not lead. */
  isSteady(id: NodeId, now: number): boolean {
    const peer = this.#peers.get(id);
    return peer?.alive === true && now - peer.aliveSinceMs >= this.timeoutMs;
  }

  alive(): NodeId[] {
    return [...this.#peers].filter(([, peer]) => peer.alive).map(([id]) => id);
  }
}
