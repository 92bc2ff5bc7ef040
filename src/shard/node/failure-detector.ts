/**
 * Who is alive: when each peer was last heard, and what it is owed (pings).
 *
 * Knows no group. Pings and Raft messages are signs of life, answers to operations are not: a node that has failed goes
 * on refusing them. A link that goes down counts as a death at once, and so does a peer's saying that it has failed.
 * Silence counts only against those who owe pings; of the others no news is good news.
 */
import type { NodeId } from '../../raft/index.js';

interface Peer {
  lastHeardMs: number;
  /** Since when it has been heard without a gap; what moves leadership waits for some calm. */
  aliveSinceMs: number;
  alive: boolean;
  /** Its death was told; a link that went down may leave that to the silence that follows. */
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
   * The link is gone, or the peer has failed. True if the peer was alive until now, and its death is to be told at once; `reportNow` is false
   * where the peer is still owed something until it has been silent for the timeout.
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

  /** Those of `watched` (who ping this node) that have been silent for the timeout, and whose death was not told yet. */
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

  /** Heard, then silent or unlinked. Of a peer that was never heard nothing is known, and nothing is held against it. */
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
