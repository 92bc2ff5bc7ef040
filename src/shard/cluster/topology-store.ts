/**
 * The topology that this node knows: from its own copy at start, from the system group, or from a peer with a newer
 * one.
 *
 * The system group (group 0) is the only source; everything else (a named value on disk, copies at peers) is a copy
 * with an epoch, and the higher epoch wins.
 */
import type { NodeId, Storage } from '../../raft/index.js';
import { FORMATS, numberWritten, unknownNumber } from '../formats.js';
import { placeShards } from './placement.js';
import { nextSettings, sameTimers, type AgreedSettings, type ConfiguredSettings } from './settings.js';
import { decodeTopology, encodeTopology } from './system-machine.js';
import type { NodeInfo, Topology } from './topology.js';

/**
 * The configuration that a cluster is created from: the same on every node, checked against the replicated topology.
 */
export interface ClusterConfig {
  readonly clusterId: string;
  readonly nodes: readonly NodeInfo[];
  readonly shardCount: number;
  readonly replicas: number;
  readonly leaseReads: boolean;
}

/** A node was started with a configuration that its cluster's data contradicts. The message names the field. */
export class ConfigMismatch extends Error {
  override readonly name = 'ConfigMismatch';
}

const SYSTEM_VOTERS = 5;
const TOPOLOGY_META = 'topology';
const IDENTITY_META = 'identity';
/** The feature level from which on a topology holds `featureLevel`, `clusterUid`, `timers` and `leases`. */
const UID_LEVEL = 2;

/** Inputs of a proposal that come from the node. */
export interface ProposalInputs {
  /**
   * The lowest of all nodes; 0 while that of some node is unknown, except in a new cluster: that of the linked nodes.
   */
  readonly featureLevel: number;
  readonly newClusterUid: () => string;
  readonly configured: ConfiguredSettings;
  /** The settings that all nodes were started with; empty while those of some node are unknown. */
  readonly agreed: AgreedSettings;
  /** Every node has applied the settings of the committed topology. */
  readonly allApplied: boolean;
}

/** The holders of the system group: the first nodes, an odd number, at most five. */
export function systemVoters(nodes: readonly NodeInfo[]): NodeId[] {
  const ids = nodes.map((n) => n.id).sort((a, b) => a - b);
  const count = Math.min(SYSTEM_VOTERS, ids.length);
  return ids.slice(0, count % 2 === 1 ? count : count - 1);
}

export class TopologyStore {
  #topology: Topology | undefined;
  readonly #listeners = new Set<(topology: Topology) => void>();
  readonly #config: ClusterConfig;
  readonly #id: NodeId;
  readonly #storage: Storage;

  constructor(config: ClusterConfig, id: NodeId, storage: Storage) {
    this.#config = config;
    this.#id = id;
    this.#storage = storage;
  }

  get topology(): Topology | undefined {
    return this.#topology;
  }

  get epoch(): number {
    return this.#topology?.epoch ?? 0;
  }

  onChange(listener: (topology: Topology) => void): void {
    this.#listeners.add(listener);
  }

  /** Checks the data folder's identity, or writes it to a new folder; then adopts the folder's copy of the topology. */
  async start(meta: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const identity = JSON.stringify({ clusterId: this.#config.clusterId, id: this.#id });
    const signed = meta.get(IDENTITY_META);
    if (signed === undefined) await this.#storage.putMeta(IDENTITY_META, Buffer.from(identity));
    else if (Buffer.from(signed).toString() !== identity) {
      throw new ConfigMismatch(
        `the data folder belongs to ${Buffer.from(signed).toString()}, this node was started as ${identity}`,
      );
    }
    const copy = topologyCopyIn(meta);
    if (copy !== undefined) await this.adopt(copy);
  }

  /**
   * Adopts a topology if it is newer, and keeps a copy on disk (a hint for the next start, so nothing waits for it).
   * @throws ConfigMismatch if this node was started with another number of shards, replicas or nodes.
   */
  adopt(topology: Topology): Promise<void> {
    return topology.epoch <= this.epoch ? Promise.resolve() : this.#replace(topology);
  }

  #replace(topology: Topology): Promise<void> {
    this.#check(topology);
    this.#topology = topology;
    for (const listener of this.#listeners) listener(topology);
    return this.#storage.putMeta(TOPOLOGY_META, encodeTopology(topology));
  }

  /**
   * Adopts the topology that this node's replica of group 0 has applied. It overrides a copy of the same or an earlier
   * epoch, and a copy of another cluster; a later copy stays, because the replica may still be catching up.
   * @throws ConfigMismatch
   */
  adoptReplicated(held: Topology): Promise<void> {
    const copy = this.#topology;
    const sameCluster =
      copy?.clusterUid === undefined || held.clusterUid === undefined || copy.clusterUid === held.clusterUid;
    if (copy !== undefined && sameCluster) {
      if (held.epoch < copy.epoch) return Promise.resolve();
      if (held.epoch === copy.epoch && JSON.stringify(held) === JSON.stringify(copy)) return Promise.resolve();
    }
    return this.#replace(held);
  }

  /**
   * The topology that the leader of the system group should propose now, given the committed one; undefined = none.
   * @param inputs the inputs that come from the node, such as the lowest feature level and a source of cluster uids.
   */
  proposal(held: Topology | undefined, inputs: ProposalInputs): Topology | undefined {
    const config = this.#config;
    const level = Math.max(inputs.featureLevel, held?.featureLevel ?? 0);
    // Builds of level 1 cannot read these fields, so they are written only once all nodes can.
    const added =
      level >= UID_LEVEL
        ? {
            featureLevel: level,
            clusterUid: held?.clusterUid ?? inputs.newClusterUid(),
            ...nextSettings(held, inputs.configured, { agree: inputs.agreed, runBy: inputs.allApplied }),
          }
        : { leaseReads: config.leaseReads };
    if (held === undefined) {
      const ids = config.nodes.map((n) => n.id);
      return {
        clusterId: config.clusterId,
        epoch: 1,
        shardCount: config.shardCount,
        replicas: config.replicas,
        hash: 'xxh64',
        nodes: config.nodes,
        shards: placeShards({ shardCount: config.shardCount, nodes: ids, replicas: config.replicas }),
        ...added,
      };
    }
    const moved = JSON.stringify(held.nodes) !== JSON.stringify(config.nodes);
    const next: Topology = { ...held, epoch: held.epoch + 1, nodes: config.nodes, ...added };
    const isNew =
      next.featureLevel !== held.featureLevel ||
      next.clusterUid !== held.clusterUid ||
      next.leaseReads !== held.leaseReads ||
      next.leases !== held.leases ||
      !sameTimers(next.timers, held.timers);
    return moved || isNew ? next : undefined;
  }

  #check(topology: Topology): void {
    const config = this.#config;
    const differ = (field: string, mine: string | number, theirs: string | number): void => {
      if (mine !== theirs) {
        throw new ConfigMismatch(`${field}: this node was started with ${mine}, the cluster was made with ${theirs}`);
      }
    };
    const level = topology.featureLevel ?? 0;
    if (level > numberWritten(FORMATS.featureLevel)) {
      throw new ConfigMismatch(`the cluster is at ${unknownNumber(FORMATS.featureLevel, level)}`);
    }
    differ('cluster id', config.clusterId, topology.clusterId);
    differ('shards', config.shardCount, topology.shardCount);
    differ('replicas', config.replicas, topology.replicas);
    differ('nodes', names(config.nodes), names(topology.nodes));
  }
}

/** The copy of the topology in a data folder; it may be outdated. */
export function topologyCopyIn(meta: ReadonlyMap<string, Uint8Array>): Topology | undefined {
  const copy = meta.get(TOPOLOGY_META);
  return copy === undefined ? undefined : decodeTopology(copy);
}

const names = (nodes: readonly NodeInfo[]): string => nodes.map((n) => `${n.id}=${n.name}`).join(',');
