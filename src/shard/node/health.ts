/**
 * What ails a node, of what it can know by itself: its disk, and groups that it leads and cannot commit in. And what it
 * does about a disk that hangs.
 *
 * `healthOf` is cheap, unlike `statusOf`: every probe asks for it. Decides no readiness (that is `router/admin/health.ts`).
 */
import type { NodeId } from '../../raft/index.js';
import { handOver } from './balancer.js';
import type { DiskStall } from './disk-stalls.js';
import type { NodeParts } from './parts.js';
import type { Logger, Runtime } from '../runtime.js';
import type { NodeStatus } from '../status.js';
import { shardOfGroup } from '../cluster/index.js';

/** A group that this node leads, and in which nothing got on for `ms` although something waits. */
export interface StalledShard {
  /** −1: the system group. */
  readonly shard: number;
  readonly ms: number;
  /** Disk and links of this node have done their part: it waits for nothing but the disks of others. */
  readonly byDisksOfOthers?: boolean | undefined;
}

export interface NodeHealth {
  /** Nodes to which there is a link. */
  readonly linked: readonly NodeId[];
  readonly state: NodeStatus['state'];
  readonly electionTimeoutMs: number;
  /** How long the oldest write to this node's disk has been under way, in ms; 0 if none is. */
  readonly diskPendingMs: number;
  /** For so long the data folder is being opened, in ms; absent: it is not, or no longer. */
  readonly openingMs?: number | undefined;
  readonly stalled: readonly StalledShard[];
  /** Something waits for room on the disk, and for how long; absent: nothing does. */
  readonly diskStall?: (DiskStall & { readonly ms: number }) | undefined;
  /** Why what this node says does not count at present (`lives.ts`); absent: it does. */
  readonly quarantine?: string | undefined;
}

export function healthOf(parts: NodeParts, state: NodeStatus['state'], now: number): NodeHealth {
  const stalled: StalledShard[] = [];
  for (const group of parts.groups.all()) {
    const { id, stall, isHeldUpByDisksOfOthers: byDisksOfOthers } = group;
    if (stall.sinceMs !== undefined) stalled.push({ shard: shardOfGroup(id), ms: stall.waitMs, byDisksOfOthers });
  }
  const electionTimeoutMs = parts.settings.electionMs;
  const { stall } = parts.stalls;
  const diskStall = stall && { ...stall, ms: now - stall.sinceMs };
  const { sinceMs } = parts.opening;
  const openingMs = sinceMs === undefined ? undefined : now - sinceMs;
  const linked = parts.sync.links().map(({ peer }) => peer);
  const own = { state, electionTimeoutMs, diskPendingMs: parts.disk.pendingMs(now), openingMs, stalled, diskStall };
  return { ...own, linked, ...parts.lives.status() };
}

export function statusOf(
  { keeper, liveness, groups, inbox, sync, lives, settings, stalls }: NodeParts,
  own: Pick<NodeStatus, 'id' | 'name' | 'state' | 'failure' | 'uptimeMs' | 'storage'>,
): NodeStatus {
  return {
    ...own,
    topologyEpoch: keeper.epoch,
    alive: liveness.alive(),
    groups: [...groups.all()].map((group) => group.status()),
    inboxLength: inbox.length,
    featureLevel: sync.featureLevel,
    links: sync.links(),
    electionTimeoutMs: settings.electionMs,
    roomWaitMs: stalls.roomWaitMs,
    ...lives.status(),
  };
}

/**
 * Every turn. A node whose disk hangs says at once that it is not fit to lead, and hands over what it leads: also the
 * groups in which nothing waits yet, so that the next write to each does not have to find out.
 */
export function watchDisk(
  parts: NodeParts,
  { logger, runtime }: { readonly logger: Logger; readonly runtime: Pick<Runtime, 'now'> },
): void {
  const { disk, neighbourhood, groups, liveness, stalls } = parts;
  if (disk.isAtEase) return;
  const now = runtime.now();
  const { began, changed } = disk.look(now);
  if (changed) {
    neighbourhood.unfit = !disk.isFit;
    neighbourhood.ping();
  }
  if (!began) return;
  // Commits that are known to wait for room look to the watch like those of a disk that hangs.
  const what = stalls.roomWaitMs === undefined ? 'the disk hangs' : 'commits still wait for room';
  logger.warn({ pendingMs: Math.round(disk.pendingMs(now)) }, `${what}: leadership is handed over`);
  handOver(groups.all(), liveness, now);
  groups.touchAll();
}
