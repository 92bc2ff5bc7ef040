/**
 * A node: all groups that it holds a replica of, run in turns.
 *
 * Everything from outside only enters an inbox. A turn drains it, steps the groups concerned, collects what they want
 * written and sent, starts one durable commit for all of them, and sends what may go; what depends on the commit
 * follows in the turn after its completion. Nothing here waits for a disk, and nothing is re-entered.
 * Knows storage, transport and runtime as ports; knows no HTTP, no SQL and no socket.
 */
import { StorageFull, type NodeId, type Storage } from '../raft/index.js';
import { balance, handOver } from './balancer.js';
import { Checkpointer, DEFAULT_CHECKPOINT_LIMITS } from './checkpointer.js';
import { CommitPipeline, type QueuedWrite } from './commit-pipeline.js';
import { makeGroup } from './group-factory.js';
import type { Group, GroupHost } from './group.js';
import { Groups } from './groups.js';
import { Inbox, type Done, type Frame } from './inbox.js';
import { Liveness } from './liveness.js';
import { Neighbourhood } from './neighbourhood.js';
import { DEFAULT_NODE_LIMITS, DEFAULT_TIMERS, type NodeTimers, type ShardNodeOptions } from './node-options.js';
import type { ShardRequest } from './operation.js';
import { Operations } from './operations.js';
import type { Logger, Runtime, Timer } from './runtime.js';
import { SnapshotSender } from './snapshot-sender.js';
import type { NodeStatus } from './status.js';
import { encodeTopology, SystemMachine } from './system-machine.js';
import { systemVoters, TopologyKeeper } from './topology-keeper.js';
import { SYSTEM_GROUP, type Topology } from './topology.js';
import type { PeerId, PeerMessage, Transport } from './transport.js';

/** Housekeeping (expiry, balance, checkpoints) happens every so many ticks. */
const HOUSEKEEPING_TICKS = 4;

type State = NodeStatus['state'];

export class ShardNode {
  readonly id: NodeId;
  readonly name: string;
  readonly #options: ShardNodeOptions;
  readonly #runtime: Runtime;
  readonly #storage: Storage;
  readonly #transport: Transport;
  readonly #logger: Logger;
  readonly #timers: NodeTimers;

  readonly #inbox: Inbox;
  readonly #groups: Groups;
  readonly #operations: Operations;
  readonly #pipeline: CommitPipeline;
  readonly #checkpointer: Checkpointer;
  readonly #snapshots: SnapshotSender;
  readonly #keeper: TopologyKeeper;
  readonly #liveness: Liveness;
  readonly #neighbourhood: Neighbourhood;

  #recovered: Awaited<ReturnType<Storage['open']>> = { groups: new Map(), meta: new Map() };
  #state: State = 'starting';
  #failure: string | undefined;
  #startedAt = 0;
  #ticks = 0;
  #timer: Timer | undefined;
  #closed = false;
  #onReply: ((from: PeerId, message: PeerMessage) => void) | undefined;
  #onFailure: ((error: Error) => void) | undefined;

  constructor(options: ShardNodeOptions) {
    const { id, plan, storage, transport, runtime } = options;
    this.id = id;
    this.name = options.name;
    this.#options = options;
    this.#runtime = runtime;
    this.#storage = storage;
    this.#transport = transport;
    this.#logger = options.logger;
    this.#timers = options.timers ?? DEFAULT_TIMERS;
    const limits = { ...DEFAULT_NODE_LIMITS, ...options.limits };

    this.#inbox = new Inbox(runtime, limits.inbox, () => {
      if (!this.#closed) this.#turn();
    });
    const factory = {
      self: id,
      storage,
      runtime,
      timers: this.#timers,
      limits,
      leaseReads: plan.leaseReads,
      host: this.#groupHost(),
    };
    this.#groups = new Groups(id, (group, voters) => makeGroup(factory, group, voters, this.#recovered.groups.get(group)));
    this.#operations = new Operations(id, this.#groups, runtime, limits.inflight);
    this.#keeper = new TopologyKeeper(plan, id, storage);
    this.#liveness = new Liveness(this.#timers.tickMs * this.#timers.electionTicks);
    this.#neighbourhood = new Neighbourhood(transport, this.#keeper, this.#liveness, systemVoters(plan.nodes));
    const onFailure = (error: Error): void => {
      this.#fail(error);
    };
    this.#pipeline = new CommitPipeline(storage, {
      onDurable: (writes) => {
        this.#inbox.durable(writes);
      },
      onFailure,
    });
    const checkpoints = { ...DEFAULT_CHECKPOINT_LIMITS, ...options.checkpoints };
    this.#checkpointer = new Checkpointer(storage, checkpoints, (group, index) => {
      this.#inTurn(group, () => {
        group.raft.compact(index);
      });
    });
    this.#snapshots = new SnapshotSender(storage, {
      now: () => runtime.now(),
      inTurn: (group, task) => {
        this.#inTurn(group, task);
      },
      wantCheckpoint: () => {
        this.#checkpoint();
      },
      onFailure,
    });
  }

  // What the router sees of this node.

  topology(): Topology | undefined {
    return this.#keeper.topology;
  }

  onTopology(listener: (topology: Topology) => void): void {
    this.#keeper.onChange(listener);
  }

  /** The shard's leader as far as this node's own replica knows. */
  leaderOf(shard: number): NodeId | undefined {
    const leader = this.#groups.ofShard(shard)?.raft.leader ?? 0;
    return leader === 0 ? undefined : leader;
  }

  isAlive(id: NodeId): boolean {
    return id === this.id ? this.#state === 'serving' : !this.#liveness.isDead(id);
  }

  /** An operation for this node's own replica. `done` is called exactly once, in a later turn. */
  submit(request: ShardRequest, done: Done): void {
    this.#inbox.submission({ request, done });
  }

  /** Leaves with the next turn. */
  send(to: PeerId, message: PeerMessage): boolean {
    this.#inbox.schedule();
    return this.#transport.send(to, message);
  }

  /** Messages of the types `reply` and `status`: answers to what a router sent through this node. */
  onReply(listener: (from: PeerId, message: PeerMessage) => void): void {
    this.#onReply = listener;
  }

  /** The storage failed: the node has left its groups and refuses operations. */
  onFailure(listener: (error: Error) => void): void {
    this.#onFailure = listener;
  }

  state(): State {
    return this.#state;
  }

  status(): NodeStatus {
    return {
      id: this.id,
      name: this.name,
      state: this.#state,
      failure: this.#failure,
      topologyEpoch: this.#keeper.epoch,
      uptimeMs: this.#runtime.now() - this.#startedAt,
      alive: this.#liveness.alive(),
      groups: [...this.#groups.all()].map((group) => group.status()),
      storage: this.#storage.status(),
      inboxLength: this.#inbox.length,
    };
  }

  // Life.

  /** Reads the disk back, joins the network, starts the groups. @throws StorageCorruption, PlanMismatch */
  async start(): Promise<void> {
    this.#startedAt = this.#runtime.now();
    this.#recovered = await this.#storage.open();
    this.#keeper.onChange((topology) => {
      this.#onTopologyChange(topology);
    });
    const voters = systemVoters(this.#options.plan.nodes);
    if (voters.includes(this.id)) this.#groups.start(SYSTEM_GROUP, voters);
    await this.#keeper.start(this.#recovered.meta);
    this.#adopt(this.#heldTopology());
    await this.#transport.start({
      onMessages: (from, messages) => {
        this.#inbox.frame({ from, messages });
      },
      onLink: (peer, up) => {
        this.#inbox.task(() => {
          this.#onLink(peer, up);
        });
      },
    });
    this.#state = 'serving';
    this.#timer = this.#runtime.every(this.#timers.tickMs, () => {
      this.#inbox.tick();
    });
    this.#inbox.tick();
  }

  /** Hands leadership over (for at most `graceMs`), takes a last checkpoint, closes everything. */
  async stop(graceMs = 1_500): Promise<void> {
    if (this.#state === 'serving') {
      this.#state = 'stopping';
      this.#neighbourhood.stopping = true;
      this.#neighbourhood.ping();
      await this.#handOver(this.#runtime.now() + graceMs);
      // A checkpoint that fails costs the next start some time and nothing else: the journal has it all.
      if (this.#failure === undefined) await this.#checkpointer.run().catch(() => undefined);
    }
    await this.crash();
  }

  /** Stops at once: nothing is handed over, nothing more is written. Who waits is answered. */
  async crash(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#state !== 'failed') this.#state = 'stopping';
    this.#leave('shutting-down', 'the node is stopping');
    for (const { request, done } of this.#inbox.take().submissions) this.#operations.start(request, done);
    this.#transport.flush();
    this.#snapshots.close();
    await this.#transport.close();
    await this.#storage.close();
  }

  #handOver(deadline: number): Promise<void> {
    const { promise, resolve } = withResolvers();
    const look = (): void => {
      const now = this.#runtime.now();
      const leads = [...this.#groups.all()].some((g) => g.isLeader && g.raft.configuration.voters.length > 1);
      const heirs = this.#liveness.alive().some((id) => this.#liveness.isSettled(id, now));
      if (!leads || !heirs || now >= deadline || this.#closed) {
        resolve();
        return;
      }
      this.#inbox.task(() => {
        handOver(this.#groups.all(), this.#liveness, now);
        this.#groups.touchAll();
      });
      this.#runtime.after(this.#timers.tickMs, look);
    };
    look();
    return promise;
  }

  // Turns.

  #turn(): void {
    const { durable, frames, submissions, tasks, tick } = this.#inbox.take();
    if (this.#state === 'failed') {
      for (const { request, done } of submissions) this.#operations.start(request, done);
      for (const { from, messages } of frames) this.#answerOnly(from, messages);
      this.#transport.flush();
      return;
    }
    for (const writes of durable) this.#persisted(writes);
    for (const frame of frames) this.#deliver(frame);
    for (const { request, done } of submissions) this.#operations.start(request, done);
    for (const task of tasks) task();
    if (tick) this.#tick();
    this.#groups.collect();
    this.#pipeline.kick();
    this.#transport.flush();
  }

  #inTurn(group: Group, task: () => void): void {
    this.#inbox.task(() => {
      task();
      this.#groups.touch(group);
    });
  }

  #persisted(writes: readonly QueuedWrite[]): void {
    for (const { group: id, write } of writes) {
      const group = this.#groups.get(id);
      if (group === undefined) continue;
      group.persisted(write);
      this.#groups.touch(group);
    }
  }

  #deliver({ from, messages }: Frame): void {
    this.#neighbourhood.heard(from, this.#runtime.now());
    for (const message of messages) {
      switch (message.type) {
        case 'raft': {
          const group = this.#groups.get(message.group);
          if (group === undefined) break;
          group.step(message.message);
          this.#groups.touch(group);
          break;
        }
        case 'topology':
          this.#adopt(message.topology);
          break;
        case 'ping':
          this.#neighbourhood.pinged(from, message.epoch, message.stopping);
          break;
        default:
          this.#answer(from, message);
      }
    }
  }

  /** A node that failed still says so to who asks. */
  #answerOnly(from: PeerId, messages: readonly PeerMessage[]): void {
    for (const message of messages) {
      if (message.type === 'request' || message.type === 'status-request') this.#answer(from, message);
    }
  }

  #answer(from: PeerId, message: Exclude<PeerMessage, { type: 'raft' | 'topology' | 'ping' }>): void {
    switch (message.type) {
      case 'request':
        this.#operations.start(message.request, (reply) => {
          this.#transport.send(from, { type: 'reply', id: message.id, reply });
        });
        return;
      case 'status-request':
        this.#transport.send(from, { type: 'status', id: message.id, status: this.status() });
        return;
      case 'reply':
      case 'status':
        this.#onReply?.(from, message);
    }
  }

  #tick(): void {
    const now = this.#runtime.now();
    this.#groups.tick();
    this.#ticks++;
    if (this.#ticks % this.#timers.heartbeatTicks === 0) {
      this.#neighbourhood.ping();
      for (const peer of this.#liveness.takeSilent(now)) this.#mourn(peer);
    }
    if (this.#ticks % HOUSEKEEPING_TICKS === 0) this.#keepHouse(now);
  }

  #keepHouse(now: number): void {
    for (const group of this.#groups.all()) group.expire(now);
    this.#snapshots.sweep(now);
    if (this.#state !== 'serving') return;
    this.#proposeTopology();
    balance(
      this.#groups,
      (group) => this.#groups.preferredLeader(group),
      this.#liveness,
      now,
    );
    if (this.#checkpointer.isDue(now)) this.#checkpoint();
  }

  #checkpoint(): void {
    this.#checkpointer.run().catch((error: unknown) => {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    });
  }

  // Peers and topology.

  #onLink(peer: PeerId, up: boolean): void {
    if (!this.#neighbourhood.link(peer, up, this.#runtime.now())) return;
    // With leases a follower has promised its vote to nobody else for an election timeout, broken link or not.
    if (!this.#options.plan.leaseReads) this.#mourn(peer);
  }

  /** After an election timeout of silence (or a broken link) nobody owes that leader anything any more. */
  #mourn(peer: NodeId): void {
    this.#logger.warn({ peer }, 'peer is silent');
    this.#groups.forgetLeader(peer);
  }

  #heldTopology(): Topology | undefined {
    const machine = this.#groups.system?.machine;
    return machine instanceof SystemMachine ? machine.topology : undefined;
  }

  #adopt(topology: Topology | undefined): void {
    if (topology === undefined) return;
    try {
      this.#keeper.adopt(topology)?.catch((error: unknown) => {
        this.#logger.warn({ error: String(error) }, 'the copy of the topology was not kept');
      });
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onTopologyChange(topology: Topology): void {
    this.#logger.info({ epoch: topology.epoch }, 'topology');
    this.#groups.startShards(topology);
    this.#neighbourhood.setNeighbours(this.#groups.neighbours());
    this.#neighbourhood.tellRouters();
  }

  #proposeTopology(): void {
    const system = this.#groups.system;
    if (system?.isLeader !== true) return;
    const proposal = this.#keeper.proposal(this.#heldTopology());
    if (proposal === undefined) return;
    const deadline = this.#runtime.now() + this.#timers.tickMs * this.#timers.electionTicks;
    system.write(encodeTopology(proposal), { deadline, key: new Uint8Array(), done: () => undefined });
    this.#groups.touch(system);
  }

  // Failure.

  #fail(error: Error): void {
    if (this.#closed || this.#state === 'failed') return;
    this.#state = 'failed';
    this.#failure = error.message;
    this.#logger.error({ error: error.message }, 'the node failed and has left its groups');
    this.#leave(error instanceof StorageFull ? 'disk-full' : 'storage-failed', error.message);
    this.#transport.flush();
    this.#onFailure?.(error);
  }

  #leave(code: 'shutting-down' | 'disk-full' | 'storage-failed', reason: string): void {
    this.#operations.closed = { code, reason };
    for (const group of this.#groups.all()) group.abandon(code, reason);
  }

  #groupHost(): GroupHost {
    return {
      logger: this.#options.logger,
      now: () => this.#runtime.now(),
      send: (group, message) => {
        this.#transport.send(message.to, { type: 'raft', group, message });
      },
      persist: (group, write) => {
        this.#pipeline.push({ group, write });
      },
      wantChunk: (group, to, sequence) => {
        this.#snapshots.want(group, to, sequence);
      },
      onApplied: (group, bytes) => {
        this.#checkpointer.applied(group, bytes, this.#runtime.now());
        if (group.id === SYSTEM_GROUP) this.#adopt(this.#heldTopology());
      },
      onLeader: (group) => {
        if (group.id === SYSTEM_GROUP) this.#proposeTopology();
      },
    };
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
