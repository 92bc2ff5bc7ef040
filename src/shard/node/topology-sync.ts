/**
 * Which topologies a node accepts, what the leader of the system group proposes, and which peers belong to the cluster.
 *
 * Group 0 is the only source. Elsewhere a topology is a copy, taken from nodes only, never from routers, of the same
 * cluster uid only; and where this node holds a replica of group 0 that has applied an epoch, no copy counts.
 *
 * The cluster uid is drawn at random by the first leader of group 0, and is in the first topology already: no node holds
 * data of a shard before it knows it. From then on each hello carries it: the id derived from the settings is the same
 * for all clusters that were made with the same settings, the uid is not. A cluster that was made by builds of feature
 * level 1 gets one once all nodes are linked and can read it, and has no such protection before. From then on a node
 * that has data and no uid is accepted only with the folder that it was linked with before.
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
  /** The epoch that a node runs by, from its last ping. */
  readonly epochOf: (node: NodeId) => number;
  /** Whether a node was linked here before with this data folder. */
  readonly knowsFolder: (node: NodeId, folderId: string | undefined) => boolean;
  /** What this build can read in replicated data. Default: `PROTOCOL.featureLevel`. */
  readonly featureLevel?: number;
  /** The cluster's data contradicts this node's settings, or its own data. */
  readonly fail: (error: Error) => void;
}

export class TopologySync {
  readonly #options: TopologySyncOptions;
  /** What this node can read in replicated data. */
  readonly featureLevel: number;

  constructor(options: TopologySyncOptions) {
    this.#options = options;
    this.featureLevel = options.featureLevel ?? PROTOCOL.featureLevel;
  }

  /** What this node's replica of group 0 has applied; undefined if it holds none, or nothing was applied yet. */
  get held(): Topology | undefined {
    const machine = this.#options.replicas.system?.machine;
    return machine instanceof SystemMachine ? machine.topology : undefined;
  }

  /** What every node of the cluster can read in replicated data: committed, and never falling. */
  get clusterFeatureLevel(): number {
    return levelOf(this.#options.topologyStore.topology);
  }

  /** To the other nodes, with the protocol version of each. */
  links(): { readonly peer: NodeId; readonly version: number }[] {
    const { clusterConfig, transport } = this.#options;
    return clusterConfig.nodes.flatMap(({ id }) => {
      const version = transport.link(id)?.version;
      return version === undefined ? [] : [{ peer: id, version }];
    });
  }

  /** Group 0 has applied something here. */
  onSystemApplied(): void {
    const { held } = this;
    if (held !== undefined) this.#adopt(() => this.#options.topologyStore.adoptReplicated(held));
  }

  /** A peer sent its copy. */
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

  /** Proposes what the topology lacks, if this node leads group 0. */
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
    system.write(encodeTopology(proposal), { deadline, key: new Uint8Array(), done: () => undefined });
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
    // It may have missed when its cluster got a uid, or belong to another one, whose data must not come in.
    if (mine !== undefined && dataWithoutUid && !this.#options.knowsFolder(from, folderId)) {
      return {
        reason: 'wrong-cluster',
        detail: `a folder with data, no cluster uid and never seen here meets ${mine}`,
      };
    }
    // It could not read what is in the logs, nor name its cluster. Routers hold no data.
    const needed = this.clusterFeatureLevel;
    if (role === 'router' || featureLevel >= needed) return undefined;
    return { reason: 'wrong-version', detail: `feature level ${featureLevel}, the cluster needs ${needed}` };
  }

  /** True as well while this node knows none. */
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
   * Of all nodes of the cluster, by their links; 0 while one of them is not linked. A new cluster holds no data that a
   * node would have to read: one that joins later has to have a build of its level.
   */
  #lowestFeatureLevel(isNew: boolean): number {
    const { self, clusterConfig, transport } = this.#options;
    const unlinked = isNew ? this.featureLevel : 0;
    const levels = clusterConfig.nodes.map(({ id }) =>
      id === self ? this.featureLevel : (transport.link(id)?.featureLevel ?? unlinked),
    );
    return Math.min(...levels);
  }

  /** What this node was started with, as far as every other node was started with the same. */
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

export const levelOf = (topology: Topology | undefined): number =>
  topology?.featureLevel ?? FORMER_PROTOCOL.featureLevel;
