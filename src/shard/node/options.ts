/** Options of a node: its cluster config, ports, timers and limits, with the defaults. */
import type { NodeId, Storage } from '../../raft/index.js';
import { DEFAULT_MAX_DEDUP_ENTRIES, DEFAULT_MAX_KEYED_ENTRIES, DEFAULT_WINDOW_MS } from '../machine/index.js';
import type { CheckpointLimits } from './checkpointer.js';
import type { Logger, Runtime } from '../runtime.js';
import type { ClusterConfig, NodeTimers } from '../cluster/index.js';
import type { Transport } from '../transport/index.js';

export interface NodeLimits {
  /** Operations waiting at this node, over all groups. */
  readonly inflight: number;
  /** Bytes of their keys and values. */
  readonly inflightBytes: number;
  /** Bytes proposed in one group and not yet committed. */
  readonly uncommittedBytes: number;
  /** Messages from peers waiting for a turn; more are dropped (Raft resends, routers retry). */
  readonly inbox: number;
  /** Entries of the dedup table of a shard, and how long each is kept, by the replicated clock (ms). */
  readonly dedupEntries: number;
  readonly dedupWindowMs: number;
  /** The same for ids that clients choose, for each of their two tables. */
  readonly keyedEntries: number;
  /** Bytes of entries in one message; one entry always fits. */
  readonly appendBytes: number;
  /**
   * Bytes of entries in one commit to the disk, exceeded by less than one write; also the bytes in flight to one
   * follower of one group.
   */
  readonly commitBytes: number;
  /** Bytes of a snapshot in one message. */
  readonly snapshotChunkBytes: number;
  /**
   * Bytes of snapshots in flight to one follower, over all groups, without stuck chunks; exceeded by less than one
   * chunk.
   */
  readonly snapshotWindowBytes: number;
  /**
   * How long (ms) a snapshot without further requests is kept open, and an unanswered chunk occupies the window: so one
   * stuck group does not stop others. Longer for a follower whose answers take longer: its link is slow, and nothing is
   * stuck.
   */
  readonly snapshotPatienceMs: number;
  /** Bytes of the row cache of all groups, besides the rows that the next checkpoint will write. */
  readonly rowCacheBytes: number;
}

export const DEFAULT_NODE_LIMITS: NodeLimits = {
  inflight: 20_000,
  inflightBytes: 256 * 1024 * 1024,
  uncommittedBytes: 64 * 1024 * 1024,
  inbox: 100_000,
  dedupEntries: DEFAULT_MAX_DEDUP_ENTRIES,
  dedupWindowMs: DEFAULT_WINDOW_MS,
  keyedEntries: DEFAULT_MAX_KEYED_ENTRIES,
  appendBytes: 1024 * 1024,
  commitBytes: Infinity,
  snapshotChunkBytes: 256 * 1024,
  snapshotWindowBytes: 512 * 1024,
  snapshotPatienceMs: 30_000,
  rowCacheBytes: 16 * 1024 * 1024,
};

export interface ShardNodeOptions {
  readonly id: NodeId;
  readonly name: string;
  readonly clusterConfig: ClusterConfig;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly timers?: NodeTimers;
  readonly limits?: Partial<NodeLimits>;
  readonly checkpoints?: Partial<CheckpointLimits>;
  /** Called when commits, or the start, begin to wait for disk space. */
  readonly onDiskStall?: () => void;
  /**
   * The operator declares the data folder to be complete, for this start: where too few other replicas are left to bring
   * its replicas up to date, they leave quarantine as they are (`raft/quarantine.ts`). Default: false.
   */
  readonly trustDataFolder?: boolean;
  /** Feature level that this node can read in replicated data. Default: that of this build. */
  readonly featureLevel?: number;
}
