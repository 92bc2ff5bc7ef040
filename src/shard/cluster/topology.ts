/**
 * The description of the cluster that group 0 replicates (`system-machine.ts`): nodes, shards, replicas. One value with
 * an epoch, replaced as a whole; routers get copies.
 */
import type { GroupId, NodeId } from '../../raft/index.js';
import type { NodeTimers } from './timers.js';
import type { LeaseStage } from './settings.js';

export interface NodeInfo {
  readonly id: NodeId;
  readonly name: string;
  /** host:port for peers and routers (the `ws` links). */
  readonly peerAddress: string;
  /** host:port of the node's HTTP API. */
  readonly httpAddress: string;
}

export interface Topology {
  readonly clusterId: string;
  /** Incremented by every change; the highest is current. */
  readonly epoch: number;
  readonly shardCount: number;
  readonly replicas: number;
  readonly hash: 'xxh64';
  /** Clients may ask for lease reads; `leases` is the stage of the switch. */
  readonly leaseReads: boolean;
  readonly nodes: readonly NodeInfo[];
  /** `shards[s]` = nodes that hold shard s; the first is the preferred leader. */
  readonly shards: readonly (readonly NodeId[])[];
  /**
   * The feature level that every node of the cluster can read in replicated data (`protocol.ts`); never decreases.
   * Absent = 1: topologies were written without it before there was a second level.
   */
  readonly featureLevel?: number;
  /** Random, generated once and never changed; absent until all nodes have feature level 2. */
  readonly clusterUid?: string;
  /** In force at every node (`settings.ts`), whatever it was started with; absent like `clusterUid`. */
  readonly timers?: NodeTimers;
  readonly leases?: LeaseStage;
}

/** Group 0 holds the topology itself. */
export const SYSTEM_GROUP: GroupId = 0;
export const groupOfShard = (shard: number): GroupId => shard + 1;
export const shardOfGroup = (group: GroupId): number => group - 1;
