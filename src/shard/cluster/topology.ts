/**
 * The cluster as the system group knows it: nodes, shards, who holds what. One value, replaced whole, with an epoch.
 *
 * Knows no transport and no Raft. Group 0 replicates it (`system-machine.ts`); routers get copies and never alter them.
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
  /** Rises with every change; the higher one is right. */
  readonly epoch: number;
  readonly shardCount: number;
  readonly replicas: number;
  readonly hash: 'xxh64';
  /** Clients may ask for lease reads. How far that has come, `leases` says. */
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
  /** What every node runs by (`settings.ts`), whatever it was started with; left out as `clusterUid`. */
  readonly timers?: NodeTimers;
  readonly leases?: LeaseStage;
}

/** Group 0 holds the topology itself. */
export const SYSTEM_GROUP: GroupId = 0;
export const groupOfShard = (shard: number): GroupId => shard + 1;
export const shardOfGroup = (group: GroupId): number => group - 1;
