/**
 * A node: all groups that it holds a replica of, run in turns.
 *
 * Everything from outside only enters an inbox. A turn drains it, steps the groups concerned, collects what they want
 * written and sent, starts one durable commit for all of them, and sends what may go; what depends on the commit
 * follows in the turn after its completion. Nothing here waits for a disk, and nothing is re-entered.
 * Knows storage, transport and runtime as ports; knows no HTTP, no SQL and no socket.
 */
import type { NodeId } from '../../raft/index.js';
import { balance, handOverAll } from './balancer.js';
import type { DiskStall } from './disk-stalls.js';
import type { ReplicaView } from './replica.js';
import type { Done, Frame } from './inbox.js';
import { healthOf, statusOf, watchDisk, type NodeHealth } from './health.js';
import type { ShardNodeOptions } from './options.js';
import { closedBy, type Closed } from './leaving.js';
import { beginLife, buildParts, followSettings, joinNetwork, saveAll, saveLast, type NodeParts } from './parts.js';
import type { ShardRequest } from '../operation.js';
import { guarded } from './operation-faults.js';
import { RecoveredGroups } from './recovered-groups.js';
import type { Timer } from '../runtime.js';
import type { OutgoingSnapshot } from './outgoing-snapshots.js';
import type { NodeStatus } from '../status.js';
import { SYSTEM_GROUP, systemVoters, type Topology } from '../cluster/index.js';
import { type PeerId, type PeerMessage, ROUTER_PEERS } from '../transport/index.js';
import { asError } from '../../thrown.js';

type State = NodeStatus['state'];
type ReplyMessage = Extract<PeerMessage, { type: 'reply' | 'status' }>;

export class ShardNode {
  readonly id: NodeId;
  readonly name: string;
  readonly #options: ShardNodeOptions;
  readonly #parts: NodeParts;
  #recovered = new RecoveredGroups({ groups: new Map(), meta: new Map() });
  #state: State = 'starting';
  #failure: string | undefined;
  #startedAt = 0;
  #choreTimer: Timer | undefined;
  #tickTimer: Timer | undefined;
  #closed = false;
  /** Rises each time the link to a node breaks. */
  readonly #linkLives = new Map<PeerId, number>();
  #onReply: ((from: PeerId, message: ReplyMessage) => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;

  constructor(options: ShardNodeOptions) {
    this.id = options.id;
    this.name = options.name;
    this.#options = options;
    this.#parts = buildParts(options, {
      turn: this.#guardedTurn.bind(this),
      fail: this.#fail.bind(this),
      checkpoint: () => {
        this.#checkpoint();
      },
      onSystemApplied: () => {
        this.#parts.sync.applied();
      },
      onSystemLeader: () => {
        this.#parts.sync.propose();
      },
      recovered: (group) => this.#recovered.take(group),
    });
  }

  // What the router sees of this node.

  topology(): Topology | undefined {
    return this.#parts.keeper.topology;
  }

  onTopology(listener: (topology: Topology) => void): void {
    this.#parts.keeper.onChange(listener);
  }

  /** What every node of the cluster can read in replicated data (`protocol.ts`): committed, never falling. */
  clusterFeatureLevel(): number {
    return this.#parts.sync.clusterFeatureLevel;
  }

  /** The shard's leader as far as this node's own replica knows; once it has left its groups it knows nothing. */
  leaderOf(shard: number): NodeId | undefined {
    return this.#state === 'failed' ? undefined : this.#parts.groups.leaderOf(shard);
  }

  isAlive(id: NodeId): boolean {
    return id === this.id ? this.#state === 'serving' : !this.#parts.liveness.isDead(id);
  }

  /** An operation for this node's own replica. `done` is called exactly once, in a later turn. */
  submit(request: ShardRequest, done: Done): void {
    this.#parts.inbox.submission({ request, done });
  }

  /** Leaves with the next turn. */
  send(to: PeerId, message: PeerMessage): boolean {
    this.#parts.inbox.schedule();
    return this.#options.transport.send(to, message);
  }

  /** Messages of the types `reply` and `status`: answers to what a router sent through this node. */
  onReply(listener: (from: PeerId, message: ReplyMessage) => void): void {
    this.#onReply = guarded(listener, this.#options.logger);
  }

  /** The storage failed: the node has left its groups and refuses operations. */
  onFailure(listener: (error: Error) => void): void {
    this.#onFailure = listener;
  }

  state(): State {
    return this.#state;
  }

  /** Commits wait for room on this node's disk; undefined while they do not. */
  readonly diskStall = (): DiskStall | undefined => this.#parts.stalls.stall;
  readonly outgoingSnapshots = (): readonly OutgoingSnapshot[] => this.#parts.snapshots.outgoing();

  /** For tools that look on, to read. */
  replicas(): Iterable<ReplicaView> {
    return this.#parts.groups.all();
  }

  /** What ails it, as far as it knows by itself; cheap. */
  health(): NodeHealth {
    return healthOf(this.#parts, this.#state, this.#options.runtime.now());
  }

  status(): NodeStatus {
    const { id, name } = this;
    const { runtime, storage } = this.#options;
    const own = { state: this.#state, failure: this.#failure, uptimeMs: runtime.now() - this.#startedAt };
    return statusOf(this.#parts, { id, name, ...own, storage: storage.status() });
  }

  // Life.

  /** Reads the disk back, joins the network, starts the groups. @throws StorageCorruption, ConfigMismatch */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      // Why it could not start says more than that its files could not be closed either.
      await this.crash().catch(() => undefined);
      throw error;
    }
  }

  async #start(): Promise<void> {
    this.#startedAt = this.#options.runtime.now();
    this.#recovered = await beginLife(this.#parts, this.#options);
    this.#parts.keeper.onChange((topology) => {
      this.#onTopologyChange(topology);
    });
    const voters = systemVoters(this.#options.clusterConfig.nodes);
    if (voters.includes(this.id)) this.#parts.groups.start(SYSTEM_GROUP, voters);
    await this.#parts.keeper.start(this.#recovered.meta);
    // What the system group holds here may be newer than the copy; a plan that contradicts it ends the start.
    const { held } = this.#parts.sync;
    if (held !== undefined) await this.#parts.keeper.adoptReplicated(held);
    const hooks = { onLink: this.#onLink.bind(this), fail: this.#fail.bind(this), isClosed: () => this.#closed };
    await joinNetwork(this.#parts, this.#options, hooks);
    // A peer may have refused this process meanwhile.
    if (this.#failure === undefined) this.#state = 'serving';
    this.#startChores();
  }

  #startChores(): void {
    const { settings, inbox } = this.#parts;
    const chores = (): void => {
      inbox.task(() => {
        this.#doChores();
      });
    };
    this.#choreTimer?.cancel();
    this.#choreTimer = this.#options.runtime.every(settings.tickMs * settings.maintenanceTicks, chores);
    chores();
  }

  /** Timers have changed. The next tick is a whole one away, as `Raft.retime` wants it. */
  #retime(): void {
    this.#tickTimer?.cancel();
    this.#tickTimer = undefined;
    if (this.#choreTimer !== undefined) this.#startChores();
  }

  /** Hands leadership over (for at most `graceMs`), takes a last checkpoint, closes everything. */
  async stop(graceMs = 1_500): Promise<void> {
    if (this.#state === 'serving') {
      this.#state = 'stopping';
      this.#parts.neighbourhood.stopping = true;
      this.#parts.neighbourhood.ping();
      const { runtime } = this.#options;
      await handOverAll({ ...this.#parts, runtime, tickMs: this.#parts.settings.tickMs }, runtime.now() + graceMs);
      // On a disk that hangs it would not come to an end.
      if (this.#failure === undefined && !this.#parts.disk.hangs(runtime.now())) await saveLast(this.#parts, runtime);
    }
    await this.crash();
  }

  /**
   * Stops at once: nothing is handed over, nothing more is written. Who waits is answered.
   * @throws what the storage says when its files could not be closed; the node has stopped all the same
   */
  async crash(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#choreTimer?.cancel();
    this.#tickTimer?.cancel();
    if (this.#state !== 'failed') this.#state = 'stopping';
    this.#leave({ code: 'shutting-down', reason: 'the node is stopping' });
    this.#parts.inbox.startSubmitted(this.#parts.operations);
    this.#options.transport.flush();
    await this.#options.transport.close();
    await this.#options.storage.close();
  }

  // Turns.

  /** What throws in a turn is a broken invariant or unreadable state: to go on would be worse than to leave. */
  #guardedTurn(): void {
    try {
      if (this.#closed) this.#parts.inbox.startSubmitted(this.#parts.operations);
      else this.#turn();
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  #turn(): void {
    const { durable, frames, tasks, tick } = this.#parts.inbox.take();
    if (this.#state === 'failed') {
      this.#parts.inbox.startSubmitted(this.#parts.operations);
      for (const { from, messages } of frames) for (const message of messages) this.#answer(from, message);
      if (tasks.length > 0) this.#parts.neighbourhood.ping();
      this.#options.transport.flush();
      return;
    }
    for (const writes of durable) this.#parts.groups.persisted(writes);
    for (const frame of frames) this.#deliver(frame);
    this.#parts.inbox.startSubmitted(this.#parts.operations);
    for (const task of tasks) task();
    if (tick) this.#parts.groups.tick();
    // A tick or a chore is never far, and a disk that hangs does so for longer.
    if (tick || tasks.length > 0) watchDisk(this.#parts, this.#options);
    this.#parts.groups.collect();
    this.#parts.snapshots.pump();
    this.#pace();
    this.#parts.lives.keepMet();
    this.#parts.pipeline.kick();
    this.#parts.lives.tellPosition();
    this.#options.transport.flush();
  }

  #deliver({ from, messages }: Frame): void {
    let isAlive = false;
    for (const message of messages) {
      switch (message.type) {
        case 'raft': {
          isAlive = true;
          const group = this.#parts.groups.get(message.group);
          if (group === undefined) break;
          group.step(message.message);
          this.#parts.groups.touch(group);
          break;
        }
        case 'topology':
          this.#parts.sync.offered(from, message.topology);
          break;
        case 'ping':
          if (this.#parts.neighbourhood.pinged(from, message, this.#options.runtime.now())) this.#mourn(from);
          break;
        case 'position':
          this.#parts.lives.heardPosition(from, message.position);
          break;
        case 'process-question':
        case 'process-answer':
        case 'request':
        case 'status-request':
        case 'reply':
        case 'status':
          this.#answer(from, message);
      }
    }
    if (isAlive) this.#parts.neighbourhood.heard(from, this.#options.runtime.now());
  }

  /**
   * Operations, and questions about other nodes, not consensus: a node that failed goes on with these, to say so and to
   * hear what its door asked.
   */
  #answer(from: PeerId, message: PeerMessage): void {
    switch (message.type) {
      case 'request': {
        const life = this.#linkLives.get(from);
        this.#parts.operations.start(message.request, (reply) => {
          // Who asked over a link that is gone may have been another life of the peer: its numbers mean nothing now.
          if (this.#linkLives.get(from) !== life) return;
          this.#options.transport.send(from, { type: 'reply', id: message.id, reply });
        });
        return;
      }
      case 'status-request':
        this.#options.transport.send(from, { type: 'status', id: message.id, status: this.status() });
        return;
      case 'reply':
      case 'status':
        this.#onReply?.(from, message);
        return;
      case 'process-question':
        this.#parts.duplicates.asked(from, message);
        return;
      case 'process-answer':
        this.#parts.duplicates.answered(from, message);
        return;
      case 'raft':
      case 'topology':
      case 'position':
      case 'ping':
    }
  }

  /** Ticks are for groups that are awake; a node whose groups are all quiet is woken by its chores only. */
  #pace(): void {
    const { groups, inbox, settings } = this.#parts;
    if (groups.anyAwake) {
      this.#tickTimer ??= this.#options.runtime.every(settings.tickMs, () => {
        inbox.tick();
      });
    } else {
      this.#tickTimer?.cancel();
      this.#tickTimer = undefined;
    }
  }

  #doChores(): void {
    const now = this.#options.runtime.now();
    this.#parts.neighbourhood.ping();
    this.#parts.confinement.review();
    for (const peer of this.#parts.neighbourhood.takeSilent(now)) this.#mourn(peer);
    for (const group of this.#parts.groups.all()) group.expire(now);
    if (this.#state !== 'serving') return;
    this.#parts.sync.propose();
    balance(this.#parts.groups, this.#parts.liveness, now);
    this.#parts.lives.saveNowAndThen(now);
    if (this.#parts.checkpointer.maintain(now)) this.#checkpoint();
  }

  #checkpoint(): void {
    saveAll(this.#parts).catch((error: unknown) => {
      this.#fail(asError(error));
    });
  }

  // Peers and topology.

  #onLink(peer: PeerId, up: boolean): void {
    // A router's peer id is never given to another link; a node's is.
    if (!up && peer < ROUTER_PEERS) this.#linkLives.set(peer, (this.#linkLives.get(peer) ?? 0) + 1);
    if (!up) this.#parts.groups.linkBroke(peer);
    this.#parts.duplicates.link(peer, up);
    if (this.#parts.neighbourhood.link(peer, up, this.#options.runtime.now())) this.#mourn(peer);
  }

  /** After an election timeout of silence (or a broken link) nobody owes that leader anything any more. */
  #mourn(peer: NodeId): void {
    this.#options.logger.warn({ peer }, 'peer is silent');
    this.#parts.groups.forgetLeader(peer);
    this.#parts.duplicates.silent(peer);
  }

  #onTopologyChange(topology: Topology): void {
    this.#options.logger.info({ epoch: topology.epoch }, 'topology');
    followSettings(this.#parts, topology, this.#fail.bind(this), this.#retime.bind(this));
    this.#parts.groups.startShards(topology);
    this.#parts.neighbourhood.setNeighbours(this.#parts.groups.neighbours());
    this.#parts.neighbourhood.tellRouters();
  }

  #fail(error: Error): void {
    if (this.#closed || this.#state === 'failed') return;
    [this.#state, this.#failure] = ['failed', error.message];
    this.#options.logger.error({ error: error.message }, 'the node failed and has left its groups');
    this.#leave(closedBy(error));
    this.#parts.neighbourhood.failed = true;
    this.#parts.neighbourhood.ping();
    this.#options.transport.flush();
    this.#onFailure?.(error);
  }

  #leave(closed: Closed): void {
    this.#parts.operations.closed = closed;
    this.#parts.groups.abandon(closed);
    this.#parts.snapshots.close();
  }
}
