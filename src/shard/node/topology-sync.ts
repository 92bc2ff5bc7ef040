/**
 * Decides which topologies a node accepts, what the leader of the system group proposes, and which peers belong to the
 * cluster.
 *
 * Group 0 is the only source. Elsewhere a topology is a copy, accepted only from nodes, never from routers, and only
 * with the same cluster uid; once this node's own replica of group 0 has applied an epoch, no copy counts.
 *
 * The cluster uid is generated at random by the first leader of group 0, and is in the first topology already: no node
 * holds data of a shard before it knows the uid. From then on each hello carries it: the id derived from the settings
 * is the same for all clusters that were created with the same settings, the uid is not. A cluster that was created by
 * builds of feature level 1 gets a uid once all nodes are linked and can read it, and has no such protection before.
 * From then on a node that has data and no uid is accepted only with the folder that it was linked with before.
 */
import type { NodeId } from '../../raft/index.js';
import type { ReplicaSet } from './replica-set.js';
import {
  FORMER_PROTOCOL,
  type Hello,
  type HelloExtension,
  type PeerId,
  PROTOCOL,
  type LinkRefusal,
  ROUTER_PEERS,
  type Transport,
} from '../transport/index.js';
import type { Logger, Runtime } from '../runtime.js';
import { randomId } from '../random-id.js';
import {
  type AgreedSettings,
  type ClusterConfig,
  encodeTopology,
  sameTimers,
  type ClusterSettings,
  SystemMachine,
  type Topology,
  type TopologyStore,
} from '../cluster/index.js';
import { asError } from '../../thrown.js';

export interface TopologySyncOptions {
  readonly self: NodeId;
  readonly clusterConfig: ClusterConfig;
  readonly topologyStore: TopologyStore;
  readonly replicas: ReplicaSet;
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly settings: ClusterSettings;
  /** The topology epoch in force at a node, from its last ping. */
  readonly epochOf: (node: NodeId) => number;
  /** Whether the node was linked here before with this data folder. */
  readonly knowsFolder: (node: NodeId, folderId: string | undefined) => boolean;
  /** Feature level that this build can read in replicated data. Default: `PROTOCOL.featureLevel`. */
  readonly featureLevel?: number;
  /** Called when the cluster's data contradicts this node's settings, or its own data. */
  readonly fail: (error: Error) => void;
}

export class TopologySync {
  readonly #options: TopologySyncOptions;
  /** Feature level that this node can read in replicated data. */
  readonly featureLevel: number;

  constructor(options: TopologySyncOptions) {
    this.#options = options;
    this.featureLevel = options.featureLevel ?? PROTOCOL.featureLevel;
  }

  /**
   * The topology that this node's replica of group 0 has applied; undefined: no replica here, or nothing applied yet.
   */
  get held(): Topology | undefined {
    const machine = this.#options.replicas.system?.machine;
    return machine instanceof SystemMachine ? machine.topology : undefined;
  }

  /** Feature level that every node of the cluster can read in replicated data: committed, never decreases. */
  get clusterFeatureLevel(): number {
    return featureLevelOf(this.#options.topologyStore.topology);
  }

  /** Links to the other nodes, with the protocol version of each. */
  links(): { readonly peer: NodeId; readonly version: number }[] {
    const { clusterConfig, transport } = this.#options;
    return clusterConfig.nodes.flatMap(({ id }) => {
      const version = transport.link(id)?.version;
      return version === undefined ? [] : [{ peer: id, version }];
    });
  }

  /** Called when this node's replica of group 0 has applied something. */
  onSystemApplied(): void {
    const { held } = this;
    if (held !== undefined) this.#adopt(() => this.#options.topologyStore.adoptReplicated(held));
  }

  /** Called when a peer sent its copy. */
  onOffer(from: PeerId, topology: Topology): void {
    if (from >= ROUTER_PEERS || this.held !== undefined) return;
    const mine = this.#options.topologyStore.topology?.clusterUid;
    if (mine !== undefined && mine !== topology.clusterUid) {
      const fields = { peer: from, clusterUid: topology.clusterUid, expected: mine };
      this.#options.logger.warn(fields, 'a peer offered the topology of another cluster');
      return;
    }
    this.#adopt(() => this.#options.topologyStore.adopt(topology));
  }

  /** Proposes a new topology if one is due and this node leads group 0. */
  propose(): void {
    const { replicas, topologyStore, runtime, settings } = this.#options;
    const { system } = replicas;
    if (system?.isLeader !== true) return;
    const { held } = this;
    const proposal = topologyStore.proposal(held, {
      featureLevel: this.#lowestFeatureLevel(held === undefined),
      newClusterUid: () => randomId(() => runtime.random()),
      configured: settings.configured,
      agreed: this.#agreed(),
      allApplied: this.#allRunBy(held?.epoch ?? 0),
    });
    if (proposal === undefined) return;
    const deadline = runtime.now() + settings.electionMs;
    system.write(encodeTopology(proposal), { deadline, read: undefined, done: () => undefined });
    replicas.markDirty(system);
  }

  helloTo(): HelloExtension {
    const { topology } = this.#options.topologyStore;
    const { timers, leaseReads } = this.#options.settings.configured;
    const settings = { ...timers, leaseReads };
    if (topology === undefined) return { settings };
    const { clusterUid } = topology;
    return clusterUid === undefined ? { settings, dataWithoutUid: true } : { settings, clusterUid };
  }

  objection({ role, from, featureLevel, extension }: Hello): LinkRefusal | undefined {
    const mine = this.#options.topologyStore.topology?.clusterUid;
    const { clusterUid: theirs, folderId, dataWithoutUid = false } = extension;
    if (mine !== undefined && theirs !== undefined && mine !== theirs) {
      return { reason: 'wrong-cluster', detail: `cluster uid ${theirs} meets cluster uid ${mine}` };
    }
    // It may have missed that its cluster got a uid, or belong to another cluster, whose data must not be accepted.
    if (mine !== undefined && dataWithoutUid && !this.#options.knowsFolder(from, folderId)) {
      return {
        reason: 'wrong-cluster',
        detail: `a folder with data, no cluster uid and never seen here meets ${mine}`,
      };
    }
    // It could read neither the logs nor the cluster uid. Routers hold no data.
    const needed = this.clusterFeatureLevel;
    if (role === 'router' || featureLevel >= needed) return undefined;
    return { reason: 'wrong-version', detail: `feature level ${featureLevel}, the cluster needs ${needed}` };
  }

  /** Whether the peer has shown this cluster's uid; also true while this node knows none. */
  hasShownUid({ extension }: Hello): boolean {
    const mine = this.#options.topologyStore.topology?.clusterUid;
    return mine === undefined || extension.clusterUid === mine;
  }

  #adopt(adopt: () => Promise<void>): void {
    try {
      adopt().catch((error: unknown) => {
        this.#options.logger.warn({ error: String(error) }, 'the copy of the topology was not kept');
      });
    } catch (error) {
      this.#options.fail(asError(error));
    }
  }

  /**
   * The lowest feature level of all nodes of the cluster, by their links; 0 while one of them is not linked. A new
   * cluster holds no data that a missing node would have to read; a node that joins later needs a build of the
   * cluster's level.
   */
  #lowestFeatureLevel(isNew: boolean): number {
    const { self, clusterConfig, transport } = this.#options;
    const unlinked = isNew ? this.featureLevel : 0;
    const levels = clusterConfig.nodes.map(({ id }) =>
      id === self ? this.featureLevel : (transport.link(id)?.featureLevel ?? unlinked),
    );
    return Math.min(...levels);
  }

  /** The settings that this node and every other node were started with alike. */
  #agreed(): AgreedSettings {
    const { self, clusterConfig, transport, settings } = this.#options;
    const { timers, leaseReads } = settings.configured;
    const others = clusterConfig.nodes
      .filter(({ id }) => id !== self)
      .map(({ id }) => transport.link(id)?.extension.settings);
    return {
      ...(others.every((other) => other !== undefined && sameTimers(other, timers)) ? { timers } : {}),
      ...(others.every((other) => other?.leaseReads === leaseReads) ? { leaseReads } : {}),
    };
  }

  #allRunBy(epoch: number): boolean {
    const { self, clusterConfig, settings, epochOf } = this.#options;
    return clusterConfig.nodes.every(({ id }) => (id === self ? settings.epoch : epochOf(id)) >= epoch);
  }
}

export const featureLevelOf = (topology: Topology | undefined): number =>
  topology?.featureLevel ?? FORMER_PROTOCOL.featureLevel;
