/**
 * The other nodes and the routers linked to this one: signs of life, and who needs to be told of a newer topology.
 *
 * Pings go to nodes that share a group with this one and to linked routers; nodes without a topology, and from time
 * to time all others, also ping the voters of the system group, so that news reaches everybody.
 * Knows no group; the node decides what a death means.
 */
import type { NodeId } from '../../raft/index.js';
import type { FailureDetector } from './failure-detector.js';
import { type ClusterConfig, type ClusterSettings, systemVoters, type TopologyStore } from '../cluster/index.js';
import { type PeerId, type Ping, ROUTER_PEERS, type Transport } from '../transport/index.js';
/** Every so many rounds the voters of the system group are pinged as well. */
const SYSTEM_EVERY_ROUNDS = 5;
/** Routers elect nobody: a sign of life now and then is enough for them. */
const ROUTERS_EVERY_ROUNDS = 3;

export class PeerHeartbeats {
  stopping = false;
  /** This node's disk hangs, or did of late: it wants no leadership, and serves. */
  unfit = false;
  /** This node has left its groups: it is up, and its peers must not take that for a leader's life. */
  failed = false;
  readonly #routers = new Set<PeerId>();
  #peers: readonly NodeId[] = [];
  #round = 0;
  /** Nodes that were asked for their topology since the last round of pings. */
  readonly #askedThisRound = new Set<NodeId>();
  readonly #transport: Transport;
  readonly #topologyStore: TopologyStore;
  readonly #failureDetector: FailureDetector;
  readonly #systemVoters: readonly NodeId[];
  readonly #settings: ClusterSettings;
  /** The epoch that each node runs by, as it said last on its present link. */
  readonly #epochs = new Map<NodeId, number>();
  /** … and the one that the voters of the system group were last told of this node. */
  #announcedEpoch = 0;

  constructor(
    transport: Transport,
    keeper: TopologyStore,
    liveness: FailureDetector,
    clusterConfig: Pick<ClusterConfig, 'nodes'>,
    settings: ClusterSettings,
  ) {
    this.#transport = transport;
    this.#topologyStore = keeper;
    this.#failureDetector = liveness;
    this.#systemVoters = systemVoters(clusterConfig.nodes);
    this.#settings = settings;
  }

  setPeers(ids: readonly NodeId[]): void {
    this.#peers = ids;
  }

  /** True if a node that was alive is now gone, and nothing is owed to it any more. */
  onLink(peer: PeerId, up: boolean, now: number): boolean {
    if (peer >= ROUTER_PEERS) {
      if (up) this.#routers.add(peer);
      else this.#routers.delete(peer);
      if (up) this.sendTopology(peer);
      return false;
    }
    // With leases a follower has promised its vote to nobody else for an election timeout, broken link or not.
    if (!up) {
      this.#epochs.delete(peer);
      return this.#failureDetector.markUnreachable(peer, !this.#settings.promises);
    }
    this.#failureDetector.recordHeartbeat(peer, now);
    this.#pingOne(peer);
    return false;
  }

  /** Neighbours that were alive and have now been silent for too long. */
  takeSilent(now: number): NodeId[] {
    return this.#failureDetector.takeSilent(this.#peers, now);
  }

  recordHeartbeat(peer: PeerId, now: number): void {
    if (peer < ROUTER_PEERS) this.#failureDetector.recordHeartbeat(peer, now);
  }

  /** True if a node that was alive has failed, and nothing is owed to it any more. */
  onPing(from: PeerId, { epoch, stopping, failed }: Ping, now: number): boolean {
    if (failed === true) return this.#failureDetector.markUnreachable(from, !this.#settings.promises);
    this.#epochs.set(from, epoch);
    this.recordHeartbeat(from, now);
    this.#failureDetector.recordStopping(from, stopping);
    if (epoch < this.#settings.epoch) this.sendTopology(from);
    // They know more: a ping makes them tell. Once a round, for what they tell need not be believed.
    else if (from < ROUTER_PEERS && epoch > this.#topologyStore.epoch && !this.#askedThisRound.has(from)) {
      this.#askedThisRound.add(from);
      this.#pingOne(from);
    }
    return false;
  }

  /** 0 = nothing was said on this link. */
  epochOf(node: NodeId): number {
    return this.#epochs.get(node) ?? 0;
  }

  sendTopology(peer: PeerId): void {
    const { topology } = this.#topologyStore;
    if (topology !== undefined) this.#transport.send(peer, { type: 'topology', topology });
    this.#pingOne(peer);
  }

  sendTopologyToRouters(): void {
    for (const router of this.#routers) this.sendTopology(router);
  }

  ping(): void {
    this.#round++;
    this.#askedThisRound.clear();
    for (const id of this.#peers) this.#pingOne(id);
    if (this.#round % ROUTERS_EVERY_ROUNDS === 0) for (const id of this.#routers) this.#pingOne(id);
    // What comes next may wait for it (`settings.ts`).
    const isNew = this.#settings.epoch !== this.#announcedEpoch;
    if (this.#topologyStore.epoch > 0 && !isNew && this.#round % SYSTEM_EVERY_ROUNDS !== 0) return;
    this.#announcedEpoch = this.#settings.epoch;
    for (const id of this.#systemVoters) if (!this.#peers.includes(id)) this.#pingOne(id);
  }

  #pingOne(peer: PeerId): void {
    if (this.failed) {
      this.#pingAsFailed(peer);
      return;
    }
    // Between nodes `stopping` means: give me nothing to lead. A router would stop asking this node anything.
    const stopping = this.stopping || (this.unfit && peer < ROUTER_PEERS);
    this.#transport.send(peer, { type: 'ping', epoch: this.#settings.epoch, stopping });
  }

  /** To a node that knows only signs of life there is nothing to say but nothing; a router is told not to ask. */
  #pingAsFailed(peer: PeerId): void {
    const { epoch } = this.#topologyStore;
    if ((this.#transport.link(peer)?.version ?? 0) >= 2) {
      this.#transport.send(peer, { type: 'ping', epoch, stopping: true, failed: true });
    } else if (peer >= ROUTER_PEERS) {
      this.#transport.send(peer, { type: 'ping', epoch, stopping: true });
    }
  }
}
