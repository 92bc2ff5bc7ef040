/**
 * Status of a node: plain data, for the HTTP API, metrics and tests. No decision depends on it.
 */
import type { GroupId, NodeId, RaftStatus, StorageStatus } from '../raft/index.js';

export interface GroupStatus {
  readonly group: GroupId;
  readonly raft: RaftStatus;
  /** Hash of the group's state after `raft.applied`: equal on all replicas at an equal index. 16 hex digits. */
  readonly stateHash: string;
  /** Live keys (0 for the system group). */
  readonly keys: number;
  /** How many times this replica saw another leader elected. */
  readonly leaderChanges: number;
  readonly pendingWrites: number;
  readonly pendingReads: number;
  /**
   * For how long, in ms, nothing was committed and applied although entries wait for it; 0: nothing waits. Absent: this
   * replica does not lead, or its build does not report it.
   */
  readonly commitWaitMs?: number | undefined;
  /** How long ago this replica last applied an entry, or started, in ms. Absent from builds that do not report it. */
  readonly sinceAppliedMs?: number | undefined;
}

export interface NodeStatus {
  readonly id: NodeId;
  readonly name: string;
  readonly state: 'starting' | 'serving' | 'stopping' | 'failed';
  /** Reason of the failure when `failed`. */
  readonly failure: string | undefined;
  readonly topologyEpoch: number;
  readonly uptimeMs: number;
  /** Peers with a heartbeat within the last election timeout. */
  readonly alive: readonly NodeId[];
  readonly groups: readonly GroupStatus[];
  readonly storage: StorageStatus;
  readonly inboxLength: number;
  /**
   * The feature level that this build can read in replicated data (`protocol.ts`); 1 from builds that do not report it.
   */
  readonly featureLevel: number;
  /** Links to other nodes, with the protocol version of each. */
  readonly links: readonly { readonly peer: NodeId; readonly version: number }[];
  /** From the timers in force; absent from builds that do not report it. */
  readonly electionTimeoutMs?: number | undefined;
  /** For how long commits have waited for disk space, and new writes been refused, in ms; absent: they have not. */
  readonly roomWaitMs?: number | undefined;
  /**
   * How far this node's wall clock is ahead of the median of the nodes' clocks, in ms, less what pings take; absent while
   * fewer than three clocks are known.
   */
  readonly clockOffsetMs?: number | undefined;
  /** Why this node's votes and acknowledgements do not count at present (`rollback-detector.ts`); absent: they do. */
  readonly quarantine?: string | undefined;
}
