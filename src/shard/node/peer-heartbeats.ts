/**
 * Heartbeats between this node, its peers and linked routers. Each carries the sender's topology epoch, so that peers
 * with an older topology are sent the newer one.
 *
 * Pings go to nodes that share a group with this one and to linked routers. A node without a topology also pings the
 * voters of the system group, and every other node does so at longer intervals, so that a new topology reaches all
 * nodes.
 */
import type { NodeId } from '../../raft/index.js';
import { MAX_U48 } from '../big-endian.js';
import type { Runtime } from '../runtime.js';
import type { ClockOffset } from './clock-offset.js';
import type { FailureDetector } from './failure-detector.js';
import { type ClusterConfig, type ClusterSettings, systemVoters, type TopologyStore } from '../cluster/index.js';
import { type PeerId, type Ping, ROUTER_PEERS, type Transport } from '../transport/index.js';
/** Rounds between two pings of the system group's voters. */
const SYSTEM_EVERY_ROUNDS = 5;
/** Rounds between two pings of routers: they elect no leader, so fewer heartbeats are enough. */
const ROUTERS_EVERY_ROUNDS = 3;

export class PeerHeartbeats {
  stopping = false;
  /** This node's disk hangs, or did recently: it serves, but should not be given leadership. */
  unfit = false;
  /** Its wall clock is off (`clock-watch.ts`): likewise. */
  clockIsOff = false;
  /** This node has left its groups. Its process is up, but peers must not treat it as a live leader. */
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
  readonly #clockOffset: ClockOffset;
  readonly #wallTime: Runtime['wallTime'];
  /** The topology epoch in force at each node, from its last ping on the current link. */
  readonly #epochs = new Map<NodeId, number>();
  /** This node's epoch in its last ping to the voters of the system group. */
  #announcedEpoch = 0;

  constructor(
    transport: Transport,
    topologyStore: TopologyStore,
    failureDetector: FailureDetector,
    clusterConfig: Pick<ClusterConfig, 'nodes'>,
    settings: ClusterSettings,
    clocks: { readonly clockOffset: ClockOffset; readonly wallTime: Runtime['wallTime'] },
  ) {
    this.#transport = transport;
    this.#topologyStore = topologyStore;
    this.#failureDetector = failureDetector;
    this.#systemVoters = systemVoters(clusterConfig.nodes);
    this.#settings = settings;
    this.#clockOffset = clocks.clockOffset;
    this.#wallTime = clocks.wallTime;
  }

  setPeers(ids: readonly NodeId[]): void {
    this.#peers = ids;
  }

  /** @returns true: the node was alive and is now presumed dead */
  onLink(peer: PeerId, up: boolean, now: number): boolean {
    if (peer >= ROUTER_PEERS) {
      if (up) this.#routers.add(peer);
      else this.#routers.delete(peer);
      if (up) this.sendTopology(peer);
      return false;
    }
    // With leases a follower has promised not to vote for another node for an election timeout, broken link or not.
    if (!up) {
      this.#epochs.delete(peer);
      this.#clockOffset.forget(peer);
      return this.#failureDetector.markUnreachable(peer, !this.#settings.promises);
    }
    this.#failureDetector.recordHeartbeat(peer, now);
    this.#pingOne(peer);
    return false;
  }

  /** Peers that were alive and have now been silent for too long. */
  takeSilent(now: number): NodeId[] {
    return this.#failureDetector.takeSilent(this.#peers, now);
  }

  recordHeartbeat(peer: PeerId, now: number): void {
    if (peer < ROUTER_PEERS) this.#failureDetector.recordHeartbeat(peer, now);
  }

  /** @returns true: the node was alive and is now presumed dead */
  onPing(from: PeerId, { epoch, stopping, failed, wallMs }: Ping, now: number): boolean {
    if (failed === true) return this.#failureDetector.markUnreachable(from, !this.#settings.promises);
    this.#epochs.set(from, epoch);
    this.recordHeartbeat(from, now);
    if (wallMs !== undefined) this.#clockOffset.onPing(from, wallMs, now);
    this.#failureDetector.recordStopping(from, stopping);
    if (epoch < this.#settings.epoch) this.sendTopology(from);
    // The peer's is newer: a ping makes it send that. Once a round, because the offer may not be accepted.
    else if (from < ROUTER_PEERS && epoch > this.#topologyStore.epoch && !this.#askedThisRound.has(from)) {
      this.#askedThisRound.add(from);
      this.#pingOne(from);
    }
    return false;
  }

  /** 0: no ping arrived over the current link. */
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
    // The next change of settings may wait for this epoch (`settings.ts`).
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
    const { epoch } = this.#settings;
    if (peer >= ROUTER_PEERS) {
      // A router would send this node no more operations.
      this.#transport.send(peer, { type: 'ping', epoch, stopping: this.stopping });
      return;
    }
    // To a node, `stopping` means: transfer no leadership here.
    const stopping = this.stopping || this.unfit || this.clockIsOff;
    const wallMs = Math.min(Math.max(Math.floor(this.#wallTime()), 0), MAX_U48);
    this.#transport.send(peer, { type: 'ping', epoch, stopping, wallMs });
  }

  /**
   * A node of protocol version 1 counts any ping as a heartbeat, so it gets none; a router is told to send no
   * operations.
   */
  #pingAsFailed(peer: PeerId): void {
    const { epoch } = this.#topologyStore;
    if ((this.#transport.link(peer)?.version ?? 0) >= 2) {
      this.#transport.send(peer, { type: 'ping', epoch, stopping: true, failed: true });
    } else if (peer >= ROUTER_PEERS) {
      this.#transport.send(peer, { type: 'ping', epoch, stopping: true });
    }
  }
}
