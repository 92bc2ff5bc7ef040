/**
 * The nodes behind an embedded store: the network between them, and one router that reaches them all.
 *
 * Nodes are numbered from 0 here and from 1 inside the cluster. Keys are canonical bytes here.
 */
import { v4 as uuidv4 } from 'uuid';
import {
  Dispatcher,
  RemoteBackend,
  runTransaction,
  type DispatchReply,
  type TransactionReply,
  type TransactionRequest,
} from '../router/index.js';
import {
  KvorumError,
  MemoryNetwork,
  ShardNode,
  loadHash,
  refuse,
  shardOfKey,
  shardOfOperation,
  silentLogger,
  type ClusterConfig,
  type ErrorCode,
  type KvOperation,
  type Refusal,
  type Runtime,
} from '../shard/index.js';
import { systemHost, type EmbeddedHost } from './host.js';
import { EmbeddedNode, startOutage, closed, settlesWithin, stallOutage, type Outage } from './embedded-node.js';
import { readOrCreateConfig } from './cluster-config.js';
import type { CheckedOptions } from './options.js';

const READY_POLL_MS = 5;
/** Refusals that report that no replica answered, but not why. */
const UNEXPLAINED: ReadonlySet<ErrorCode> = new Set(['no-leader', 'no-quorum', 'timeout']);

/** One node of an embedded store. */
export interface EmbeddedNodeStatus {
  /** From 0. */
  readonly node: number;
  /** The node serves, or will serve without `recoverNode` and without more space on its disk. */
  readonly alive: boolean;
  /** Number of shards that it leads. */
  readonly leads: number;
  /** Number of shards of which it holds a replica. */
  readonly replicas: number;
}

/** State of an embedded store as of the call. */
export interface ClusterStatus {
  /** Each at the place of its number. */
  readonly nodes: readonly EmbeddedNodeStatus[];
  /** Number of shards, as configured. */
  readonly shards: number;
  /** Replicas of each shard, as configured. */
  readonly replicas: number;
  /** Shards that have a live leader; equal to `shards` when all keys can be served. */
  readonly shardsWithLeader: number;
}

/** Where a key is kept. Nodes are numbered from 0. */
export interface KeyLocation {
  /** From 0. */
  readonly shard: number;
  /** Nodes that hold the shard; empty before the topology is known. */
  readonly replicas: readonly number[];
  /** The node that leads the shard; undefined while none does. */
  readonly leader: number | undefined;
}

export interface EmbeddedReply extends DispatchReply {
  /** The underlying error of a refusal, if a node of this process has one. */
  readonly cause?: unknown;
}

export class EmbeddedCluster {
  readonly #options: CheckedOptions;
  readonly #host: EmbeddedHost;
  readonly #runtime: Runtime;
  readonly #network: MemoryNetwork;
  readonly #config: ClusterConfig;
  readonly #nodes: readonly EmbeddedNode[];
  readonly #backend: RemoteBackend;
  readonly #dispatcher: Dispatcher;
  /** Resolves when the router has started; does not wait for any disk. */
  readonly #opened: Promise<void>;
  /** Settles when every node runs, waits for disk space, or could not start. */
  readonly #started: Promise<unknown>;
  #hasStarted = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: CheckedOptions, host?: EmbeddedHost) {
    this.#options = options;
    // First, because it may throw, which would leave the worker threads of a host running.
    this.#config = readOrCreateConfig(options, uuidv4());
    this.#host = host ?? systemHost(options);
    this.#runtime = this.#host.runtime;
    this.#network = new MemoryNetwork(this.#runtime);
    this.#nodes = Array.from({ length: options.nodes }, (_, index) => this.#member(index));
    this.#backend = new RemoteBackend({ transport: this.#network.router(), runtime: this.#runtime });
    this.#dispatcher = new Dispatcher({ backend: this.#backend, runtime: this.#runtime, shardOfKey });
    this.#opened = this.#open();
    this.#started = this.#opened.then(async () => {
      // A node that cannot start counts as failed, and keeps the reason; the others serve.
      await Promise.allSettled(this.#nodes.map((member) => member.start()));
      this.#hasStarted = true;
    });
    // Operations report it; an unhandled rejection would end the process first.
    this.#started.catch(() => undefined);
  }

  async #open(): Promise<void> {
    await loadHash();
    if (!this.#closed) await this.#backend.start();
  }

  async ready(): Promise<void> {
    // A large cluster on a busy machine may take longer, as long as it makes progress.
    let deadline = this.#runtime.now() + this.#options.timeoutMs;
    let most = 0;
    for (;;) {
      if (this.#closed) throw closed();
      const broken = this.#startOutage(this.#nodes.keys());
      if (broken !== undefined) throw errorOf(broken);
      const { shards, shardsWithLeader } = this.status();
      if (this.#hasStarted && shardsWithLeader === shards) return;
      const done = shardsWithLeader + this.#nodes.filter(({ node }) => node?.state() === 'serving').length;
      if (done > most) {
        most = done;
        deadline = this.#runtime.now() + this.#options.timeoutMs;
      }
      if (this.#runtime.now() >= deadline) throw this.#notReady(shards - shardsWithLeader);
      if (!this.#hasStarted) await this.#startsWithin(READY_POLL_MS);
      else await new Promise<void>((resolve) => this.#runtime.after(READY_POLL_MS, resolve));
    }
  }

  #notReady(leaderless: number): KvorumError {
    const { shards } = this.#options;
    const outage = this.#outage(-1);
    const isDown = ({ isAlive, stall }: EmbeddedNode): boolean => !isAlive && stall === undefined;
    const down = this.#nodes.flatMap((member, index) => (isDown(member) ? [index] : []));
    const nodes = down.length === 0 ? '' : `; nodes ${down.join(', ')} are down`;
    const why = outage === undefined ? nodes : `${nodes}; ${outage.message}`;
    return new KvorumError(outage?.code ?? 'no-leader', `${leaderless} of ${shards} shards have no leader${why}`);
  }

  async execute(operation: KvOperation, timeoutMs: number): Promise<EmbeddedReply> {
    const shards = (): readonly number[] => [shardOfOperation(operation, (key) => this.shardOf(key))];
    return this.#dispatch(shards, timeoutMs, (options) => this.#dispatcher.execute(operation, options));
  }

  /** Runs a program whose keys may be of any shards. */
  async transact(request: TransactionRequest, timeoutMs: number): Promise<EmbeddedReply & TransactionReply> {
    await this.opened();
    const { comparisons, then, otherwise } = request.program;
    const shards = (): readonly number[] => [...comparisons, ...then, ...otherwise].map(({ key }) => this.shardOf(key));
    let revisions: TransactionReply['revisions'] = new Map();
    const reply = await this.#dispatch(shards, timeoutMs, async (options) => {
      const given = await runTransaction(request, {
        ...options,
        shardOfKey: (key) => this.shardOf(key),
        execute: (operation, within) => this.#dispatcher.execute(operation, within),
        coordinator: this.#dispatcher.coordinator,
      });
      ({ revisions } = given);
      return given;
    });
    return { ...reply, revisions };
  }

  /** Waits for the start of the nodes, and adds the reasons that this process knows to a refusal. */
  async #dispatch(
    shards: () => readonly number[],
    timeoutMs: number,
    send: (options: { readonly deadlineMs: number; readonly forward: true }) => Promise<DispatchReply>,
  ): Promise<EmbeddedReply> {
    const deadlineMs = this.#hasStarted ? timeoutMs : await this.#deadlineAfterStart(shards, timeoutMs);
    const refused = this.#refusalIfAllFailed();
    if (refused !== undefined) return refused;
    const reply = await send({ deadlineMs, forward: true });
    return reply.answer.type === 'refused' ? this.#withCause(reply, reply.answer) : reply;
  }

  /** Resolves when keys can be hashed, which does not wait for any node. */
  async opened(): Promise<void> {
    await this.#opened;
    if (this.#closed) throw closed();
  }

  get shards(): number {
    return this.#options.shards;
  }

  shardOf(key: Uint8Array): number {
    return shardOfKey(key, this.#options.shards);
  }

  /** Resolves after half to all of `ms`. */
  backoff(ms: number): Promise<void> {
    const { runtime } = this.#host;
    return new Promise((resolve) => {
      runtime.after(ms * (0.5 + runtime.random() / 2), resolve);
    });
  }

  /** The start of the nodes does not count as long as it makes progress and most holders of each key have disk space. */
  async #deadlineAfterStart(shards: () => readonly number[], timeoutMs: number): Promise<number> {
    const deadline = this.#runtime.now() + timeoutMs;
    if ((await this.#waitForStart(timeoutMs)) && shards().every((shard) => this.#hasHealthyQuorum(shard))) {
      return timeoutMs;
    }
    return Math.max(0, deadline - this.#runtime.now());
  }

  #hasHealthyQuorum(shard: number): boolean {
    const holders = this.#holders(shard);
    return holders.filter((index) => this.#nodes[index]?.isImpaired === true).length * 2 < holders.length;
  }

  /** A refusal if no node could start: none will by itself, so waiting cannot help. */
  #refusalIfAllFailed(): EmbeddedReply | undefined {
    if (this.#closed || this.#nodes.some(({ failure }) => failure === undefined)) return undefined;
    const outage = this.#startOutage(this.#nodes.keys());
    if (outage === undefined) return undefined;
    const answer = refuse(outage.code, outage.message, {}, 'not_applied');
    return { answer, cause: outage.cause, term: 0, servedBy: 0, shard: -1 };
  }

  /** Adds the cause: the router gets no answer from a node that cannot start, but this process knows the reason. */
  #withCause(reply: DispatchReply, refusal: Refusal): EmbeddedReply {
    if (refusal.code === 'shutting-down' && this.#closed) throw closed();
    if (!UNEXPLAINED.has(refusal.code)) return reply;
    const outage = this.#outage(reply.shard);
    if (outage === undefined) return reply;
    // A write that may have happened stays a timeout: the node that got it may have had space.
    const code = refusal.outcome === 'unknown' ? refusal.code : outage.code;
    const answer = { ...refusal, code, message: `${refusal.message}; ${outage.message}` };
    return { ...reply, answer, cause: outage.cause };
  }

  /** Why holders of the shard (all nodes if there is no topology) do not serve: full disks, or they could not start. */
  #outage(shard: number): Outage | undefined {
    const holders = this.#holders(shard);
    const waiting = holders.filter((index) => this.#nodes[index]?.stall !== undefined);
    const stall = this.#nodes[waiting[0] ?? -1]?.stall;
    return stall === undefined ? this.#startOutage(holders) : stallOutage(waiting, stall);
  }

  /** Nodes that hold the shard; all nodes while no topology is known. */
  #holders(shard: number): readonly number[] {
    return this.#backend.topology()?.shards[shard]?.map((id) => id - 1) ?? [...this.#nodes.keys()];
  }

  #startOutage(nodes: Iterable<number>): Outage | undefined {
    const broken = [...nodes].filter((index) => this.#nodes[index]?.failure !== undefined);
    const first = this.#nodes[broken[0] ?? -1]?.failure;
    return first === undefined ? undefined : startOutage(broken, first);
  }

  /**
   * True: every node runs, waits for space, or could not start. False: some have not got there, and no further one did
   * for `patienceMs`; so the wait for a large cluster continues while it makes progress.
   */
  async #waitForStart(patienceMs: number): Promise<boolean> {
    for (let most = -1, there = this.#settledCount; there > most; there = this.#settledCount) {
      most = there;
      if (await this.#startsWithin(patienceMs)) return true;
    }
    return false;
  }

  /** Number of nodes that run, wait for space, or could not start. */
  get #settledCount(): number {
    return this.#nodes.filter(({ node, isImpaired }) => node?.state() === 'serving' || isImpaired).length;
  }

  async #startsWithin(ms: number): Promise<boolean> {
    let begins = false;
    try {
      begins = await settlesWithin(this.#started, ms, this.#runtime);
    } catch (error) {
      if (!this.#closed) throw error;
    }
    if (this.#closed) throw closed();
    return begins;
  }

  async fail(index: number): Promise<void> {
    await this.#waitForStart(this.#options.timeoutMs);
    await this.#nodes[index]?.fail(this.#options.timeoutMs);
  }

  async recover(index: number): Promise<void> {
    await this.#waitForStart(this.#options.timeoutMs);
    await this.#nodes[index]?.recover(this.#options.timeoutMs);
  }

  partition(groups: readonly (readonly number[])[]): void {
    const groupOf = new Map(groups.flatMap((group, i) => group.map((node) => [node + 1, i] as const)));
    const isNode = (id: number): boolean => id <= this.#options.nodes;
    // The router is outside of the partition: it reaches every node, as clients on both sides would.
    this.#network.dropWhen((from, to) => isNode(from) && isNode(to) && groupOf.get(from) !== groupOf.get(to));
  }

  heal(): void {
    this.#network.dropWhen(undefined);
  }

  where(key: Uint8Array): KeyLocation {
    const shard = this.shardOf(key);
    const replicas = this.#backend.topology()?.shards[shard] ?? [];
    const leader = this.#leaderOf(shard);
    return { shard, replicas: replicas.map((id) => id - 1), leader };
  }

  status(): ClusterStatus {
    const shards = this.#backend.topology()?.shards ?? [];
    const leaders = shards.map((_, shard) => this.#leaderOf(shard));
    const nodes = Array.from({ length: this.#options.nodes }, (_, node) => ({
      node,
      alive: this.#nodes[node]?.isAlive === true,
      leads: leaders.filter((leader) => leader === node).length,
      replicas: shards.filter((replicas) => replicas.includes(node + 1)).length,
    }));
    return {
      nodes,
      shards: this.#options.shards,
      replicas: this.#options.replicas,
      shardsWithLeader: leaders.filter((leader) => leader !== undefined).length,
    };
  }

  close(): Promise<void> {
    this.#closed = true;
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#opened.catch(() => undefined);
    this.#dispatcher.close();
    await this.#backend.close();
    const ends = await Promise.allSettled(this.#nodes.map((member) => member.close()));
    await this.#host.closed();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #member(index: number): EmbeddedNode {
    const id = index + 1;
    const make = (onDiskStall: () => void): ShardNode => {
      const node = new ShardNode({
        id,
        name: `n${id}`,
        clusterConfig: this.#config,
        storage: this.#host.storage(index),
        transport: this.#network.node(id),
        runtime: this.#runtime,
        logger: silentLogger,
        onDiskStall,
      });
      node.onOrphan((orphan) => void this.#dispatcher.coordinator.finish(orphan.id, orphan.participants));
      return node;
    };
    const kill = (): void => {
      this.#network.kill(id);
    };
    return new EmbeddedNode({ index, runtime: this.#runtime, make, kill });
  }

  /** The live node that leads the shard, found by direct calls, because all nodes are in this process. */
  #leaderOf(shard: number): number | undefined {
    const replicas = this.#backend.topology()?.shards[shard] ?? [];
    for (const id of replicas) if (this.#nodes[id - 1]?.node?.leaderOf(shard) === id) return id - 1;
    return undefined;
  }
}

function errorOf({ code, message, cause }: Outage): KvorumError {
  const error = new KvorumError(code, message);
  error.cause = cause;
  return error;
}
