/**
 * The cluster as group 0 replicates it (`system-machine.ts`): nodes, shards, replicas. One value, replaced whole, with an
 * epoch; routers get copies.
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
   * What every node of the cluster can read in replicated data (`protocol.ts`). Left out = 1: topologies were made
   * without it before there was a second level. Never falls.
   */
  readonly featureLevel?: number;
  /** Drawn at random, once, and never changed; left out until all nodes have feature level 2. */
  readonly clusterUid?: string;
  /** In force at every node (`settings.ts`), whatever it was started with; absent as `clusterUid`. */
  readonly timers?: NodeTimers;
  readonly leases?: LeaseStage;
}

/** Group 0 holds the topology itself. */
export const SYSTEM_GROUP: GroupId = 0;
export const groupOfShard = (shard: number): GroupId => shard + 1;
export const shardOfGroup = (group: GroupId): number => group - 1;
