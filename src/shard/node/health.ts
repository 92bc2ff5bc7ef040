/**
 * The health of a node: faults of its disk, and of groups that it leads, as far as it can detect them by itself.
 * `router/admin/health.ts` decides from this whether the node is ready.
 */
import type { NodeId } from '../../raft/index.js';
import type { NodeStatus } from '../status.js';
import type { DiskStall } from './disk-stalls.js';

/** A group that this node leads, in which entries wait to be committed and applied, but none was for a while. */
export interface StalledShard {
  /** −1: the system group. */
  readonly shard: number;
  /** For how long nothing was applied, ms. */
  readonly ms: number;
  /** This node's disk and links have done their part: the group waits only for the disks of other nodes. */
  readonly byDisksOfOthers?: boolean | undefined;
}

/** Created by `ShardNode.health()` for every probe; cheap. */
export interface NodeHealth {
  readonly state: NodeStatus['state'];
  /** Nodes to which there is a link. */
  readonly linked: readonly NodeId[];
  /** From the timers in force, ms: a longer wait counts as a fault. */
  readonly electionTimeoutMs: number;
  /** How long the oldest write to this node's disk has been in flight, ms; 0: there is none. */
  readonly diskPendingMs: number;
  /** For how long the data folder has been opening, ms; absent: it is open, or the node was not started. */
  readonly openingMs?: number | undefined;
  /** Groups that this node leads and that make no progress. */
  readonly stalled: readonly StalledShard[];
  /** What waits for disk space, and for how many ms; absent: nothing does. */
  readonly diskStall?: (DiskStall & { readonly ms: number }) | undefined;
  /** Why the replicas of this node count for no quorum at present (`rollback-detector.ts`); absent: they do. */
  readonly quarantine?: string | undefined;
}
