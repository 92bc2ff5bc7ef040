/**
 * Heartbeats between this node, its peers and linked routers. Each carries the sender's topology epoch, so whoever has
 * an older topology is sent the newer one.
 *
 * Pings go to nodes that share a group with this one and to linked routers. A node without a topology pings the voters
 * of the system group as well, and every other node does so now and then: thus a new topology reaches all nodes.
 */
import type { NodeId } from '../../raft/index.js';
import type { FailureDetector } from './failure-detector.js';
import { type ClusterConfig, type ClusterSettings, systemVoters, type TopologyStore } from '../cluster/index.js';
import { type PeerId, type Ping, ROUTER_PEERS, type Transport } from '../transport/index.js';
/** Every so many rounds the voters of the system group are pinged as well. */
const SYSTEM_EVERY_ROUNDS = 5;
/** Routers elect no leader: fewer heartbeats are enough for them. */
const ROUTERS_EVERY_ROUNDS = 3;

export class PeerHeartbeats {
  stopping = false;
  /** This node's disk hangs, or did lately: it serves, and is to be given no leadership. */
  unfit = false;
  /** This node has left its groups. Its process is up, and peers must not take it for a live leader. */
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
  /** The epoch that each node runs by, from its last ping on the present link. */
  readonly #epochs = new Map<NodeId, number>();
  /** The epoch of this node that the voters of the system group were pinged with last. */
  #announcedEpoch = 0;

  constructor(
    transport: Transport,
    topologyStore: TopologyStore,
    failureDetector: FailureDetector,
    clusterConfig: Pick<ClusterConfig, 'nodes'>,
    settings: ClusterSettings,
  ) {
    this.#transport = transport;
    this.#topologyStore = topologyStore;
    this.#failureDetector = failureDetector;
    this.#systemVoters = systemVoters(clusterConfig.nodes);
    this.#settings = settings;
  }

  setPeers(ids: readonly NodeId[]): void {
    this.#peers = ids;
  }

  /** @returns true: the node was alive, and is presumed dead now */
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

  /** @returns true: the node was alive, and is presumed dead now */
  onPing(from: PeerId, { epoch, stopping, failed }: Ping, now: number): boolean {
    if (failed === true) return this.#failureDetector.markUnreachable(from, !this.#settings.promises);
    this.#epochs.set(from, epoch);
    this.recordHeartbeat(from, now);
    this.#failureDetector.recordStopping(from, stopping);
    if (epoch < this.#settings.epoch) this.sendTopology(from);
    // Theirs is newer: a ping makes them send it. Once a round, for what they send need not be accepted.
    else if (from < ROUTER_PEERS && epoch > this.#topologyStore.epoch && !this.#askedThisRound.has(from)) {
      this.#askedThisRound.add(from);
      this.#pingOne(from);
    }
    return false;
  }

  /** 0: no ping came over the present link. */
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
    // To a node `stopping` means: transfer no leadership here. A router would send this node no more operations.
    const stopping = this.stopping || (this.unfit && peer < ROUTER_PEERS);
    this.#transport.send(peer, { type: 'ping', epoch: this.#settings.epoch, stopping });
  }

  /** A node of protocol version 1 takes any ping for a heartbeat, so it gets none; a router is told to send no operations. */
  #pingAsFailed(peer: PeerId): void {
    const { epoch } = this.#topologyStore;
    if ((this.#transport.link(peer)?.version ?? 0) >= 2) {
      this.#transport.send(peer, { type: 'ping', epoch, stopping: true, failed: true });
    } else if (peer >= ROUTER_PEERS) {
      this.#transport.send(peer, { type: 'ping', epoch, stopping: true });
    }
  }
}
