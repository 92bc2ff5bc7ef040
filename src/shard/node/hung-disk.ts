/**
 * A node's reaction to a disk that hangs: it announces to its peers that it should not be given leadership, and hands
 * over all groups that it leads, also those in which nothing waits yet, so that the next write to them does not hang
 * first. Again after each election timeout while the disk hangs: no peer may have been able to take over before, and Raft
 * itself does not end a leadership in which nothing commits. A peer whose own disk hung a while ago, or whose clock is off, is
 * better than none, if it has shown that it stores what this node does not.
 */
import type { Logger, Runtime } from '../runtime.js';
import { handOver } from './balancer.js';
import type { DiskStalls } from './disk-stalls.js';
import type { DiskWatch } from './disk-watch.js';
import type { FailureDetector } from './failure-detector.js';
import type { PeerHeartbeats } from './peer-heartbeats.js';
import type { ReplicaSet } from './replica-set.js';

export interface HungDiskParts {
  readonly diskWatch: DiskWatch;
  readonly diskStalls: DiskStalls;
  readonly peerHeartbeats: PeerHeartbeats;
  readonly failureDetector: FailureDetector;
  readonly replicas: ReplicaSet;
  readonly runtime: Pick<Runtime, 'now'>;
  readonly logger: Logger;
}

export class HungDiskHandler {
  readonly #parts: HungDiskParts;
  #handedOverMs = -Infinity;

  constructor(parts: HungDiskParts) {
    this.#parts = parts;
  }

  /** To be called in a turn, and often. */
  check(): void {
    const { diskWatch, diskStalls, peerHeartbeats, failureDetector, replicas, runtime, logger } = this.#parts;
    if (diskWatch.isIdle) return;
    const now = runtime.now();
    const { began, changed } = diskWatch.check(now);
    if (changed) {
      peerHeartbeats.unfit = !diskWatch.isFit;
      peerHeartbeats.ping();
    }
    if (!diskWatch.hangs(now) || (!began && now - this.#handedOverMs < diskWatch.timeoutMs)) return;
    this.#handedOverMs = now;
    if (began) {
      // To the watch, commits that are known to wait for space look like those of a disk that hangs.
      const what = diskStalls.roomWaitMs === undefined ? 'the disk hangs' : 'commits still wait for room';
      logger.warn({ pendingMs: Math.round(diskWatch.pendingMs(now)) }, `${what}: leadership is handed over`);
    }
    handOver(replicas.all(), failureDetector, now, true);
    replicas.markAllDirty();
  }
}
