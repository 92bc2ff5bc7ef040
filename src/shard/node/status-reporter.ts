/** Reports on a node, for its HTTP API, for metrics and tests. No decision depends on it. */
import { type ClusterSettings, shardOfGroup, type TopologyStore } from '../cluster/index.js';
import type { Runtime } from '../runtime.js';
import type { NodeStatus } from '../status.js';
import type { ClockWatch } from './clock-watch.js';
import type { DiskStalls } from './disk-stalls.js';
import type { DiskWatch } from './disk-watch.js';
import type { FailureDetector } from './failure-detector.js';
import type { NodeHealth, StalledShard } from './health.js';
import type { Inbox } from './inbox.js';
import type { ReplicaSet } from './replica-set.js';
import type { RollbackDetector } from './rollback-detector.js';
import type { TopologySync } from './topology-sync.js';

export interface ReporterParts {
  readonly settings: ClusterSettings;
  readonly inbox: Inbox;
  readonly replicas: ReplicaSet;
  readonly diskWatch: DiskWatch;
  readonly diskStalls: DiskStalls;
  readonly topologyStore: TopologyStore;
  readonly topologySync: TopologySync;
  readonly failureDetector: FailureDetector;
  readonly clockWatch: Pick<ClockWatch, 'offsetMs'>;
  readonly rollbackDetector: RollbackDetector;
  readonly runtime: Pick<Runtime, 'now'>;
}

export class StatusReporter {
  readonly #parts: ReporterParts;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /** Cheap, unlike `status`, because every probe calls it. `openingSinceMs`: when opening the data folder began. */
  health(state: NodeStatus['state'], openingSinceMs: number | undefined): NodeHealth {
    const { settings, replicas, diskWatch, diskStalls, topologySync, rollbackDetector, runtime } = this.#parts;
    const now = runtime.now();
    const stalled: StalledShard[] = [];
    for (const { id, stall, isHeldUpByDisksOfOthers: byDisksOfOthers } of replicas.all()) {
      if (stall.sinceMs !== undefined) stalled.push({ shard: shardOfGroup(id), ms: stall.waitMs, byDisksOfOthers });
    }
    const { stall } = diskStalls;
    return {
      state,
      electionTimeoutMs: settings.electionMs,
      diskPendingMs: diskWatch.pendingMs(now),
      openingMs: openingSinceMs === undefined ? undefined : now - openingSinceMs,
      stalled,
      diskStall: stall && { ...stall, ms: now - stall.sinceMs },
      linked: topologySync.links().map(({ peer }) => peer),
      ...rollbackDetector.status(),
    };
  }

  status(own: Pick<NodeStatus, 'id' | 'name' | 'state' | 'failure' | 'uptimeMs' | 'storage'>): NodeStatus {
    const parts = this.#parts;
    return {
      ...own,
      topologyEpoch: parts.topologyStore.epoch,
      alive: parts.failureDetector.alive(),
      groups: [...parts.replicas.all()].map((replica) => replica.status()),
      inboxLength: parts.inbox.length,
      featureLevel: parts.topologySync.featureLevel,
      links: parts.topologySync.links(),
      electionTimeoutMs: parts.settings.electionMs,
      roomWaitMs: parts.diskStalls.roomWaitMs,
      clockOffsetMs: parts.clockWatch.offsetMs,
      ...parts.rollbackDetector.status(),
    };
  }
}
