/**
 * The backend of the router in a node's process: the local node is called directly, others over the node's links.
 */
import type {
  DiskStall,
  NodeHealth,
  NodeId,
  NodeStatus,
  OpenTransaction,
  OutgoingSnapshot,
  Runtime,
  ShardRequest,
  Timer,
  Topology,
} from '../../shard/index.js';
import type { Backend, ReplyCallback, ServingState, ShardHost } from './backend.js';
import { notSent } from './retry-policy.js';
import { PendingCalls, refusalFrom } from './pending-calls.js';
import { StatusRounds } from './status-rounds.js';

export interface NodeBackendOptions {
  readonly host: ShardHost;
  readonly runtime: Runtime;
  /** Requests in flight to other nodes; more are refused as `overloaded`. */
  readonly maxInFlight?: number;
  /** Interval of the sweep for silent nodes and expired requests. */
  readonly sweepMs?: number;
}

export class NodeBackend implements Backend {
  readonly self: NodeId;
  readonly #host: ShardHost;
  readonly #runtime: Runtime;
  readonly #requests: PendingCalls;
  readonly #rounds: StatusRounds;
  readonly #sweepMs: number;
  /** Runs while requests are in flight. */
  #sweep: Timer | undefined;

  constructor(options: NodeBackendOptions) {
    const { host, runtime } = options;
    this.self = host.id;
    this.#host = host;
    this.#runtime = runtime;
    this.#requests = new PendingCalls(options.maxInFlight ?? 20_000, () => runtime.random());
    this.#rounds = new StatusRounds(runtime, (node, id) => host.send(node, { type: 'status-request', id }));
    host.onReply((from, message) => {
      if (message.type === 'reply') this.#requests.settle(from, message.id, message.reply);
      else this.#rounds.settle(from, message.id, message.status);
    });
    this.#sweepMs = options.sweepMs ?? 100;
  }

  topology(): Topology | undefined {
    return this.#host.topology();
  }

  onTopology(listener: (topology: Topology) => void): void {
    this.#host.onTopology(listener);
  }

  onOrphan(listener: (orphan: OpenTransaction) => void): void {
    this.#host.onOrphan?.(listener);
  }

  alive(node: NodeId): boolean {
    // A node that has left its groups cannot serve requests itself.
    return node === this.self ? this.#host.state() !== 'failed' : this.#host.isAlive(node);
  }

  leaderOf(shard: number): NodeId | undefined {
    return this.#host.leaderOf(shard);
  }

  submit(node: NodeId, request: ShardRequest, done: ReplyCallback): void {
    if (node === this.self) {
      this.#host.submit(request, done);
      return;
    }
    const id = this.#requests.add(node, this.#runtime.now(), request.budgetMs, done);
    if (id === undefined) {
      done(refusalFrom(node, 'overloaded', 'too many requests are under way to other nodes'));
      return;
    }
    this.#sweep ??= this.#runtime.every(this.#sweepMs, () => {
      this.#sweepPending();
    });
    if (this.#host.send(node, { type: 'request', id, request })) return;
    this.#requests.remove(id);
    done(notSent(node, request));
  }

  async statuses(timeoutMs: number): Promise<ReadonlyMap<NodeId, NodeStatus | undefined>> {
    const others = (this.topology()?.nodes ?? []).map((node) => node.id).filter((id) => id !== this.self);
    const answers = await this.#rounds.ask(others, timeoutMs);
    return answers.set(this.self, this.#host.status());
  }

  localStatus(): NodeStatus {
    return this.#host.status();
  }

  state(): ServingState {
    return this.#host.state();
  }

  health(): NodeHealth {
    return this.#host.health();
  }

  diskStall(): DiskStall | undefined {
    return this.#host.diskStall?.();
  }

  outgoingSnapshots(): readonly OutgoingSnapshot[] {
    return this.#host.outgoingSnapshots?.() ?? [];
  }

  /** Requests in flight to other nodes. */
  get inFlight(): number {
    return this.#requests.size;
  }

  close(): void {
    this.#sweep?.cancel();
    this.#requests.close();
    this.#rounds.close();
  }

  #sweepPending(): void {
    for (const { id } of this.topology()?.nodes ?? []) if (!this.alive(id)) this.#requests.failNode(id);
    this.#requests.sweep(this.#runtime.now());
    if (this.#requests.size > 0) return;
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }
}
