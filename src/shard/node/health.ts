/**
 * The health of a node: what it can know by itself of what is wrong with its disk, and with groups that it leads.
 * Whether it is ready is decided from this elsewhere (`router/admin/health.ts`).
 */
import type { NodeId } from '../../raft/index.js';
import type { NodeStatus } from '../status.js';
import type { DiskStall } from './disk-stalls.js';

/** A group that this node leads, in which something waits to be committed and applied, and nothing was for a while. */
export interface StalledShard {
  /** −1: the system group. */
  readonly shard: number;
  /** How long nothing was applied, ms. */
  readonly ms: number;
  /** The disk and the links of this node have done their part: only the disks of others are waited for. */
  readonly byDisksOfOthers?: boolean | undefined;
}

/** Made by `ShardNode.health()` for every probe; cheap. */
export interface NodeHealth {
  readonly state: NodeStatus['state'];
  /** Nodes to which there is a link. */
  readonly linked: readonly NodeId[];
  /** By the timers in force, ms: what waits for longer is taken for a fault. */
  readonly electionTimeoutMs: number;
  /** How long the oldest write to this node's disk has been under way, ms; 0: none is. */
  readonly diskPendingMs: number;
  /** How long the data folder has been being opened, ms; absent: it is open, or the node was not started. */
  readonly openingMs?: number | undefined;
  /** Groups that this node leads and that do not get on. */
  readonly stalled: readonly StalledShard[];
  /** What waits for room on the disk, and since how many ms; absent: nothing does. */
  readonly diskStall?: (DiskStall & { readonly ms: number }) | undefined;
  /** Why the replicas of this node count for no quorum at present (`rollback-detector.ts`); absent: they do. */
  readonly quarantine?: string | undefined;
}
