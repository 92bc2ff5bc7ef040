/**
 * A node: the replicas that it holds, over one storage and one transport, from its start to its end.
 *
 * All input enters the inbox, and a turn (`turn.ts`) handles it. This file starts and stops the node, runs periodic
 * maintenance, and is the interface for routers and tools.
 */
import type { GroupId, NodeId, Recovered, RecoveredGroup } from '../../raft/index.js';
import { asError } from '../../thrown.js';
import {
  topologyCopyIn,
  type LeasePromises,
  type ClusterSettings,
  SYSTEM_GROUP,
  systemVoters,
  type Topology,
  type TopologyStore,
} from '../cluster/index.js';
import { KvorumError } from '../errors.js';
import type { ShardRequest } from '../operation.js';
import type { NodeStatus } from '../status.js';
import type { OpenTransaction } from '../transaction.js';
import type { PeerId, PeerMessage } from '../transport/index.js';
import type { Admission } from './admission.js';
import { assemble } from './assembly.js';
import { balance, handOverAll } from './balancer.js';
import type { Checkpointer } from './checkpointer.js';
import type { ClockWatch } from './clock-watch.js';
import type { DiskStall, DiskStalls } from './disk-stalls.js';
import type { DiskWatch } from './disk-watch.js';
import type { Expirer } from './expirer.js';
import type { FailureDetector } from './failure-detector.js';
import type { NodeHealth } from './health.js';
import type { Done, Inbox } from './inbox.js';
import { closedBy, type Closed } from './leaving.js';
import { guarded } from './operation-faults.js';
import type { ShardNodeOptions } from './options.js';
import { OrphanWatch } from './orphans.js';
import type { OutgoingSnapshot, OutgoingSnapshots } from './outgoing-snapshots.js';
import type { PeerHandler, ReplyMessage } from './peer-handler.js';
import type { PeerHeartbeats } from './peer-heartbeats.js';
import type { NodeQuarantine } from './quarantine.js';
import type { ReplicaView } from './replica-view.js';
import type { ReplicaSet } from './replica-set.js';
import type { RollbackDetector } from './rollback-detector.js';
import type { StatusReporter } from './status-reporter.js';
import type { Ticker } from './ticker.js';
import type { TopologySync } from './topology-sync.js';
import type { Turn } from './turn.js';

type State = NodeStatus['state'];

export class ShardNode {
  readonly id: NodeId;
  readonly name: string;
  #state: State = 'starting';
  #failure: string | undefined;
  #closed = false;
  #startedAt = 0;
  /** When opening the data folder began (monotonic ms); undefined: it is not being opened. */
  #openingSinceMs: number | undefined;
  #onFailure: ((error: Error) => void) | undefined;
  #onOrphan: ((orphan: OpenTransaction) => void) | undefined;
  readonly #options: ShardNodeOptions;
  readonly #settings: ClusterSettings;
  readonly #inbox: Inbox;
  readonly #turn: Turn;
  readonly #ticker: Ticker;
  readonly #expirer: Expirer;
  readonly #replicas: ReplicaSet;
  readonly #admission: Admission;
  readonly #checkpointer: Checkpointer;
  readonly #snapshots: OutgoingSnapshots;
  readonly #diskWatch: DiskWatch;
  readonly #diskStalls: DiskStalls;
  readonly #topologyStore: TopologyStore;
  readonly #topologySync: TopologySync;
  readonly #peers: PeerHandler;
  readonly #peerHeartbeats: PeerHeartbeats;
  readonly #clockWatch: ClockWatch;
  readonly #failureDetector: FailureDetector;
  readonly #rollbackDetector: RollbackDetector;
  readonly #promises: LeasePromises;
  readonly #quarantine: NodeQuarantine;
  readonly #reporter: StatusReporter;
  readonly #orphans: OrphanWatch;

  constructor(options: ShardNodeOptions) {
    this.id = options.id;
    this.name = options.name;
    this.#options = options;
    const parts = assemble(options, {
      turn: this.#guardedTurn.bind(this),
      maintain: this.#maintain.bind(this),
      checkpoint: this.#checkpoint.bind(this),
      status: () => this.status(),
      fail: this.#fail.bind(this),
    });
    this.#settings = parts.settings;
    this.#inbox = parts.inbox;
    this.#turn = parts.turn;
    this.#ticker = parts.ticker;
    this.#expirer = parts.expirer;
    this.#replicas = parts.replicas;
    this.#admission = parts.admission;
    this.#checkpointer = parts.checkpointer;
    this.#snapshots = parts.snapshots;
    this.#diskWatch = parts.diskWatch;
    this.#diskStalls = parts.diskStalls;
    this.#topologyStore = parts.topologyStore;
    this.#topologySync = parts.topologySync;
    this.#peers = parts.peers;
    this.#peerHeartbeats = parts.peerHeartbeats;
    this.#clockWatch = parts.clockWatch;
    this.#failureDetector = parts.failureDetector;
    this.#rollbackDetector = parts.rollbackDetector;
    this.#promises = parts.promises;
    this.#quarantine = parts.quarantine;
    this.#reporter = parts.reporter;
    this.#orphans = new OrphanWatch(parts.replicas);
  }

  // The interface for routers and tools.

  topology(): Topology | undefined {
    return this.#topologyStore.topology;
  }

  onTopology(listener: (topology: Topology) => void): void {
    this.#topologyStore.onChange(listener);
  }

  /**
   * Feature level that all nodes of the cluster can read in replicated data (`protocol.ts`): committed, never falls.
   */
  clusterFeatureLevel(): number {
    return this.#topologySync.clusterFeatureLevel;
  }

  /**
   * The shard's leader as known to this node's replica; undefined: none known, no replica here, or the node has failed.
   */
  leaderOf(shard: number): NodeId | undefined {
    return this.#state === 'failed' ? undefined : this.#replicas.leaderOf(shard);
  }

  isAlive(id: NodeId): boolean {
    return id === this.id ? this.#state === 'serving' : !this.#failureDetector.isDead(id);
  }

  /** Submits an operation for this node's own replica. `done` is called exactly once, in a later turn. */
  submit(request: ShardRequest, done: Done): void {
    this.#inbox.submission({ request, done });
  }

  /** Sends the message with the next turn. */
  send(to: PeerId, message: PeerMessage): boolean {
    this.#inbox.schedule();
    return this.#options.transport.send(to, message);
  }

  /**
   * Listens for messages of the types `reply` and `status`: answers to a router's requests that went through this node.
   */
  onReply(listener: (from: PeerId, message: ReplyMessage) => void): void {
    this.#peers.onReply = guarded(listener, this.#options.logger);
  }

  /** Called with transactions that nobody seems to finish (`orphans.ts`): whoever reaches the other shards should. */
  onOrphan(listener: (orphan: OpenTransaction) => void): void {
    this.#onOrphan = guarded(listener, this.#options.logger);
  }

  /** Called when the storage failed or an invariant was broken: the node has left its groups and refuses operations. */
  onFailure(listener: (error: Error) => void): void {
    this.#onFailure = listener;
  }

  state(): State {
    return this.#state;
  }

  /** What waits for space on this node's disk; undefined: nothing does. */
  readonly diskStall = (): DiskStall | undefined => this.#diskStalls.stall;
  readonly outgoingSnapshots = (): readonly OutgoingSnapshot[] => this.#snapshots.outgoing();

  /** Read-only views, for tools. */
  replicas(): Iterable<ReplicaView> {
    return this.#replicas.all();
  }

  /** Faults that this node can detect by itself; cheap. */
  health(): NodeHealth {
    return this.#reporter.health(this.#state, this.#openingSinceMs);
  }

  /** The node's full report, including all groups. */
  status(): NodeStatus {
    const { runtime, storage } = this.#options;
    return this.#reporter.status({
      id: this.id,
      name: this.name,
      state: this.#state,
      failure: this.#failure,
      uptimeMs: runtime.now() - this.#startedAt,
      storage: storage.status(),
    });
  }

  // Start and end.

  /** Reads the disk back, joins the network, starts the replicas. @throws StorageCorruption, ConfigMismatch */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      // The reason why it could not start matters more than an error while closing its files.
      await this.crash().catch(() => undefined);
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { runtime, clusterConfig, transport } = this.#options;
    this.#startedAt = runtime.now();
    const { meta, groups } = await this.#open();
    const recovered = new Map(groups);
    this.#topologyStore.onChange((topology) => {
      this.#onTopologyChange(topology, recovered);
    });
    const voters = systemVoters(clusterConfig.nodes);
    if (voters.includes(this.id)) this.#replicas.start(SYSTEM_GROUP, voters, recovered.get(SYSTEM_GROUP));
    recovered.delete(SYSTEM_GROUP);
    await this.#topologyStore.start(meta);
    // The system group's topology may be newer than the copy; a cluster config that contradicts it ends the start.
    const { held } = this.#topologySync;
    if (held !== undefined) await this.#topologyStore.adoptReplicated(held);
    this.#throwIfClosed();
    await transport.start(this.#peers.transportEvents());
    this.#throwIfClosed();
    // A peer may have refused this process in the meantime.
    if (this.#failure === undefined) this.#state = 'serving';
    this.#ticker.startMaintenance();
  }

  /** A node that was stopped during its start must not come up afterwards. */
  #throwIfClosed(): void {
    if (this.#closed) throw new KvorumError('shutting-down');
  }

  /**
   * Called before anything is sent or promised: recovers the data of earlier runs from the disk, and begins a new boot.
   */
  async #open(): Promise<Recovered> {
    const { runtime, storage } = this.#options;
    this.#openingSinceMs = runtime.now();
    try {
      const recovered = await storage.open();
      const { meta } = recovered;
      this.#settings.loadCopy(topologyCopyIn(meta));
      this.#retimeDetectors();
      await this.#promises.start(meta, this.#settings.promiseMs);
      await this.#rollbackDetector.start(meta, () => runtime.random());
      return recovered;
    } finally {
      this.#openingSinceMs = undefined;
    }
  }

  /** Hands leadership over (for at most `graceMs`), takes a last checkpoint, closes everything. */
  async stop(graceMs = 1_500): Promise<void> {
    if (this.#state === 'serving') {
      this.#state = 'stopping';
      this.#peerHeartbeats.stopping = true;
      this.#peerHeartbeats.ping();
      const { runtime } = this.#options;
      const leadership = {
        replicas: this.#replicas,
        failureDetector: this.#failureDetector,
        inbox: this.#inbox,
        runtime,
        tickMs: this.#settings.tickMs,
      };
      await handOverAll(leadership, runtime.now() + graceMs);
      // A checkpoint on a disk that hangs would not end.
      if (this.#failure === undefined && !this.#diskWatch.hangs(runtime.now())) await this.#lastCheckpoint();
    }
    await this.crash();
  }

  /**
   * Stops at once: nothing is handed over, nothing more is written. Every waiter is answered.
   * @throws the storage's error if its files could not be closed; the node has stopped nevertheless
   */
  async crash(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#ticker.cancel();
    this.#expirer.close();
    if (this.#state !== 'failed') this.#state = 'stopping';
    this.#leave({ code: 'shutting-down', reason: 'the node is stopping' });
    this.#inbox.drainSubmissions(this.#admission, this.#options.runtime.now());
    this.#options.transport.flush();
    await this.#options.transport.close();
    await this.#options.storage.close();
  }

  #fail(error: Error): void {
    if (this.#closed || this.#state === 'failed') return;
    [this.#state, this.#failure] = ['failed', error.message];
    this.#options.logger.error({ error: error.message }, 'the node failed and has left its groups');
    this.#leave(closedBy(error));
    this.#peerHeartbeats.failed = true;
    this.#peerHeartbeats.ping();
    this.#options.transport.flush();
    this.#onFailure?.(error);
  }

  #leave(closed: Closed): void {
    this.#admission.closed = closed;
    this.#replicas.abandon(closed);
    this.#snapshots.close();
    this.#checkpointer.close();
  }

  /** An exception in a turn means a broken invariant or unreadable state: it is safer to fail than to continue. */
  #guardedTurn(): void {
    try {
      if (this.#closed) this.#inbox.drainSubmissions(this.#admission, this.#options.runtime.now());
      else if (this.#state === 'failed') this.#turn.runFailed();
      else this.#turn.run();
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  #maintain(): void {
    const now = this.#options.runtime.now();
    this.#peerHeartbeats.ping();
    this.#quarantine.review();
    for (const peer of this.#peerHeartbeats.takeSilent(now)) this.#peers.onPeerDead(peer);
    for (const replica of this.#replicas.all()) if (replica.expire(now)) this.#replicas.markDirty(replica);
    if (this.#state !== 'serving') return;
    for (const orphan of this.#orphans.review(now)) this.#onOrphan?.(orphan);
    this.#topologySync.propose();
    this.#expirer.noteAll();
    this.#clockWatch.check();
    balance(this.#replicas, this.#failureDetector, now);
    this.#rollbackDetector.saveIfDue(now);
    if (this.#checkpointer.maintain(now)) this.#checkpoint();
  }

  /** Saves the applied state, and what is known about other nodes' boots and positions. */
  #checkpoint(): void {
    const save = async (): Promise<void> => {
      await this.#checkpointer.run();
      await this.#rollbackDetector.save();
    };
    save().catch((error: unknown) => {
      this.#fail(asError(error));
    });
  }

  /** The same when the node stops, for a bounded time: without it only the next start takes longer. */
  #lastCheckpoint(): Promise<void> {
    this.#rollbackDetector.save().catch(() => undefined);
    return this.#checkpointer.runLast(this.#options.runtime);
  }

  /**
   * @param recovered data from storage of replicas that were not started yet. It is kept until they are, not only until
   *   the first topology: a replica that was started without its durable state would vote and acknowledge again.
   */
  #onTopologyChange(topology: Topology, recovered: Map<GroupId, RecoveredGroup>): void {
    this.#options.logger.info({ epoch: topology.epoch }, 'topology');
    this.#followSettings(topology);
    this.#replicas.startShards(topology, recovered);
    this.#peerHeartbeats.setPeers(this.#replicas.peers());
    this.#peerHeartbeats.sendTopologyToRouters();
  }

  #followSettings(topology: Topology): void {
    const inTurn = (task: () => void): void => {
      this.#inbox.task(task);
    };
    const changed = (stretch: number): void => {
      this.#replicas.retime(this.#settings, stretch);
      this.#retimeDetectors();
      this.#ticker.retime();
    };
    this.#settings.applyTopology(topology, { promises: this.#promises, inTurn, changed }).catch((error: unknown) => {
      this.#fail(asError(error));
    });
  }

  #retimeDetectors(): void {
    this.#failureDetector.timeoutMs = this.#settings.electionMs;
    this.#diskWatch.timeoutMs = this.#settings.electionMs;
  }
}
