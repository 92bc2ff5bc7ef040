/**
 * The backend of a stand-alone router, which holds no replica and has a link to every node.
 *
 * It gets the topology from the nodes, which push it to a router that pings with an older epoch, and considers a node
 * alive as long as messages from it arrive. Addresses belong to the transport.
 */
import {
  ROUTER_PEERS,
  type NodeId,
  type NodeStatus,
  type PeerId,
  type PeerMessage,
  type Runtime,
  type ShardRequest,
  type Timer,
  type Topology,
  type Transport,
} from '../../shard/index.js';
import type { Backend, ReplyCallback, ServingState } from './backend.js';
import { notSent } from './retry-policy.js';
import { PendingCalls, refusalFrom } from './pending-calls.js';
import { StatusRounds } from './status-rounds.js';

export interface RemoteBackendOptions {
  readonly transport: Transport;
  readonly runtime: Runtime;
  /** Requests in flight; more are refused as `overloaded`. */
  readonly maxInFlight?: number;
  readonly pingMs?: number;
  /** A node from which nothing arrived for so long counts as dead. */
  readonly silentMs?: number;
}

interface Peer {
  lastReceivedAt: number;
  stopping: boolean;
}

export class RemoteBackend implements Backend {
  readonly self = undefined;
  readonly #transport: Transport;
  readonly #runtime: Runtime;
  readonly #silentMs: number;
  readonly #pingMs: number;
  readonly #requests: PendingCalls;
  readonly #rounds: StatusRounds;
  /** Nodes with a link that is up. */
  readonly #peers = new Map<NodeId, Peer>();
  readonly #listeners: ((topology: Topology) => void)[] = [];
  #topology: Topology | undefined;
  #state: ServingState = 'starting';
  #timer: Timer | undefined;
  #flushing = false;

  constructor(options: RemoteBackendOptions) {
    this.#transport = options.transport;
    this.#runtime = options.runtime;
    this.#pingMs = options.pingMs ?? 1_000;
    this.#silentMs = options.silentMs ?? 2_000;
    this.#requests = new PendingCalls(options.maxInFlight ?? 20_000, () => this.#runtime.random());
    this.#rounds = new StatusRounds(this.#runtime, (node, id) => this.#send(node, { type: 'status-request', id }));
  }

  async start(): Promise<void> {
    await this.#transport.start({
      onMessages: (from, messages) => {
        this.#onMessages(from, messages);
      },
      onLink: (peer, up) => {
        this.#onLink(peer, up);
      },
      helloTo: () => {
        const clusterUid = this.#topology?.clusterUid;
        return clusterUid === undefined ? {} : { clusterUid };
      },
      finalCheck: ({ extension }) => {
        const [ours, theirs] = [this.#topology?.clusterUid, extension.clusterUid];
        if (ours === undefined || theirs === undefined || ours === theirs) return undefined;
        return { reason: 'wrong-cluster', detail: `cluster uid ${theirs} meets cluster uid ${ours}` };
      },
    });
    this.#timer = this.#runtime.every(this.#pingMs, () => {
      this.#heartbeat();
    });
    if (this.#topology !== undefined) this.#state = 'serving';
  }

  topology(): Topology | undefined {
    return this.#topology;
  }

  onTopology(listener: (topology: Topology) => void): void {
    this.#listeners.push(listener);
  }

  alive(node: NodeId): boolean {
    const peer = this.#peers.get(node);
    return peer !== undefined && !peer.stopping && this.#runtime.now() - peer.lastReceivedAt < this.#silentMs;
  }

  /** Only answers show who leads, and the dispatcher caches that. */
  leaderOf(): undefined {
    return undefined;
  }

  submit(node: NodeId, request: ShardRequest, done: ReplyCallback): void {
    const id = this.#requests.add(node, this.#runtime.now(), request.budgetMs, done);
    if (id === undefined) {
      done(refusalFrom(node, 'overloaded', 'too many requests are under way'));
      return;
    }
    if (this.#peers.has(node) && this.#send(node, { type: 'request', id, request })) return;
    this.#requests.remove(id);
    done(notSent(node, request));
  }

  statuses(timeoutMs: number): Promise<ReadonlyMap<NodeId, NodeStatus | undefined>> {
    return this.#rounds.ask(
      (this.#topology?.nodes ?? []).map((node) => node.id),
      timeoutMs,
    );
  }

  localStatus(): undefined {
    return undefined;
  }

  state(): ServingState {
    return this.#state;
  }

  health(): undefined {
    return undefined;
  }

  /** Requests in flight. */
  get inFlight(): number {
    return this.#requests.size;
  }

  async close(): Promise<void> {
    this.#state = 'stopping';
    this.#timer?.cancel();
    this.#requests.close();
    this.#rounds.close();
    await this.#transport.close();
  }

  #send(to: NodeId, message: PeerMessage): boolean {
    const queued = this.#transport.send(to, message);
    if (queued && !this.#flushing) {
      // All requests of this turn of the event loop are sent in one frame per node.
      this.#flushing = true;
      this.#runtime.defer(() => {
        this.#flushing = false;
        this.#transport.flush();
      });
    }
    return queued;
  }

  #onMessages(from: PeerId, messages: readonly PeerMessage[]): void {
    const peer = this.#peers.get(from);
    if (peer === undefined) return;
    peer.lastReceivedAt = this.#runtime.now();
    for (const message of messages) {
      switch (message.type) {
        case 'reply':
          this.#requests.settle(from, message.id, message.reply);
          break;
        case 'status':
          this.#rounds.settle(from, message.id, message.status);
          break;
        case 'topology':
          this.#adoptTopology(message.topology);
          break;
        case 'ping':
          peer.stopping = message.stopping;
          break;
        // A router answers no requests and takes no part in consensus.
        case 'raft':
        case 'position':
        case 'request':
        case 'status-request':
        case 'process-question':
        case 'process-answer':
        case 'read-index-request':
        case 'read-index':
          break;
      }
    }
  }

  #adoptTopology(topology: Topology): void {
    const known = this.#topology;
    // The first topology decides which cluster this router belongs to.
    if (known !== undefined && (topology.clusterId !== known.clusterId || topology.epoch <= known.epoch)) return;
    if (known?.clusterUid !== undefined && topology.clusterUid !== known.clusterUid) return;
    this.#topology = topology;
    if (this.#state === 'starting') this.#state = 'serving';
    for (const listener of this.#listeners) listener(topology);
  }

  #onLink(node: PeerId, up: boolean): void {
    if (node >= ROUTER_PEERS) return;
    if (up) {
      this.#peers.set(node, { lastReceivedAt: this.#runtime.now(), stopping: false });
      this.#ping(node);
      return;
    }
    this.#peers.delete(node);
    this.#requests.failNode(node);
    this.#rounds.dropNode(node);
  }

  #ping(node: NodeId): void {
    this.#send(node, { type: 'ping', epoch: this.#topology?.epoch ?? 0, stopping: false });
  }

  #heartbeat(): void {
    const now = this.#runtime.now();
    for (const [node, peer] of this.#peers) {
      this.#ping(node);
      // The link is up and nothing arrives: a stopped process or a lost route. Its requests are retried elsewhere.
      if (now - peer.lastReceivedAt >= this.#silentMs) this.#requests.failNode(node);
    }
    this.#requests.sweep(now);
  }
}
