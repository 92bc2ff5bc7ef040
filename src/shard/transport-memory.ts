/**
 * The transport inside one process: any number of nodes and routers, and a network that can be cut, for tests and
 * simulations.
 *
 * Messages are passed as the objects that they are, unless `encode` is set: who sends a message must not alter it
 * afterwards, nor may the receiver. Everything arrives through `runtime.defer`, so no handler is ever called from
 * within a `send` or `flush`. Knows nothing of what the messages mean and has no time of its own: delay belongs to
 * whoever hands in the runtime.
 */
import type { Message, NodeId } from '../raft/index.js';
import type { Runtime } from './runtime.js';
import { ROUTER_PEERS, type PeerId, type PeerMessage, type Transport, type TransportEvents } from './transport.js';
import { statsOf, zeroCounters, type TransportStats } from './transport-stats.js';
import { WireError } from './wire-buffer.js';
import { decodeFrame, FrameEncoder } from './wire.js';

/** True = this message is lost. */
export type DropRule = (from: PeerId, to: PeerId, message: PeerMessage) => boolean;

export interface MemoryNetworkOptions {
  /** Send everything through the wire format. */
  readonly encode?: boolean;
  /** Messages queued for one peer and not yet flushed; more are dropped. Default 65,536. */
  readonly maxQueuedMessages?: number;
}

const isRouter = (id: PeerId): boolean => id >= ROUTER_PEERS;

export class MemoryNetwork {
  private readonly runtime: Pick<Runtime, 'defer'>;
  private readonly options: Required<MemoryNetworkOptions>;
  private readonly endpoints = new Map<PeerId, MemoryTransport>();
  private routers = 0;
  private pending: (() => void)[] = [];

  private groupOf = new Map<PeerId, number>();
  private readonly isolated = new Set<PeerId>();
  private readonly cuts = new Map<PeerId, Set<PeerId>>();
  private dropRule: DropRule | undefined;

  constructor(runtime: Pick<Runtime, 'defer'>, options: MemoryNetworkOptions = {}) {
    this.runtime = runtime;
    this.options = { encode: false, maxQueuedMessages: 65_536, ...options };
  }

  /** The transport of a node. After `kill` or `close` of an earlier one, this is the node's next life. */
  node(id: NodeId): MemoryTransport {
    if (this.endpoints.get(id)?.running === true) throw new Error(`node ${id} is running`);
    return this.attach(id);
  }

  /** The transport of one more router. All nodes know it by the same peer id. */
  router(): MemoryTransport {
    return this.attach(ROUTER_PEERS + this.routers++);
  }

  /** Silently loses whatever goes between different groups. Peers that are in none form one more group. */
  partition(groups: readonly (readonly PeerId[])[]): void {
    this.groupOf = new Map(groups.flatMap((group, i) => group.map((id) => [id, i] as const)));
  }

  /** Silently loses whatever goes to or from `id`. */
  isolate(id: PeerId): void {
    this.isolated.add(id);
  }

  /** Silently loses whatever goes from `from` to `to`; the other way stays open. */
  cut(from: PeerId, to: PeerId): void {
    const cut = this.cuts.get(from) ?? new Set();
    this.cuts.set(from, cut.add(to));
  }

  /** Ends every partition, isolation and cut. A drop rule stays. */
  heal(): void {
    this.groupOf.clear();
    this.isolated.clear();
    this.cuts.clear();
  }

  /** Loses each message for which `rule` says so; undefined ends it. */
  dropWhen(rule: DropRule | undefined): void {
    this.dropRule = rule;
  }

  /** Ends a node as `kill -9` does: it hears nothing more, the others see their links go down. */
  kill(id: PeerId): void {
    this.endpoints.get(id)?.stop();
  }

  /** The killed transport goes on, as after a pause in which all its links broke. */
  revive(id: PeerId): void {
    const endpoint = this.endpoints.get(id);
    if (endpoint === undefined || endpoint.running) throw new Error(`node ${id} was not killed`);
    endpoint.resume();
  }

  /** @internal For `MemoryTransport`. */
  linked(self: PeerId): MemoryTransport[] {
    return [...this.endpoints.values()].filter((other) => this.areLinked(self, other.id));
  }

  /** @internal */
  areLinked(a: PeerId, b: PeerId): boolean {
    if (a === b || (isRouter(a) && isRouter(b))) return false;
    return this.endpoints.get(a)?.running === true && this.endpoints.get(b)?.running === true;
  }

  /** @internal Runs `task` later, in the order of the calls. One deferred run does all that waits for it. */
  later(task: () => void): void {
    if (this.pending.push(task) > 1) return;
    this.runtime.defer(() => {
      const tasks = this.pending;
      this.pending = [];
      for (const run of tasks) run();
    });
  }

  /** @internal What arrives of a frame. */
  survivors(from: PeerId, to: PeerId, messages: readonly PeerMessage[]): readonly PeerMessage[] {
    const apart = this.groupOf.get(from) !== this.groupOf.get(to);
    if (apart || this.isolated.has(from) || this.isolated.has(to) || this.cuts.get(from)?.has(to) === true) return [];
    const rule = this.dropRule;
    return rule === undefined ? messages : messages.filter((message) => !rule(from, to, message));
  }

  /** @internal */
  endpoint(id: PeerId): MemoryTransport | undefined {
    return this.endpoints.get(id);
  }

  private attach(id: PeerId): MemoryTransport {
    const endpoint = new MemoryTransport(this, id, this.options);
    this.endpoints.set(id, endpoint);
    return endpoint;
  }
}

/** Made by `MemoryNetwork`. Its links are up as soon as both ends have started. */
export class MemoryTransport implements Transport {
  readonly id: PeerId;
  /** @internal Started, and neither killed nor closed. */
  running = false;
  private readonly network: MemoryNetwork;
  private readonly options: Required<MemoryNetworkOptions>;
  private readonly counters = zeroCounters();
  private events: TransportEvents | undefined;
  /** Rises with every end, so that what was on its way to an earlier life is lost. */
  private life = 0;
  private readonly up = new Set<PeerId>();
  private readonly queues = new Map<PeerId, Queue>();
  private unflushed: PeerId[] = [];

  /** @internal */
  constructor(network: MemoryNetwork, id: PeerId, options: Required<MemoryNetworkOptions>) {
    this.network = network;
    this.id = id;
    this.options = options;
  }

  start(events: TransportEvents): Promise<void> {
    if (this.events !== undefined) return Promise.reject(new Error(`transport ${this.id} was started before`));
    this.events = events;
    this.resume();
    return Promise.resolve();
  }

  send(to: PeerId, message: PeerMessage): boolean {
    if (!this.network.areLinked(this.id, to)) {
      this.counters.droppedNoLink += 1;
      return false;
    }
    let queue = this.queues.get(to);
    if (queue === undefined) this.queues.set(to, (queue = new Queue(this.id, to, this.options.encode)));
    if (queue.length >= this.options.maxQueuedMessages) {
      this.counters.droppedFull += 1;
      return false;
    }
    if (!queue.add(message)) {
      this.counters.droppedInvalid += 1;
      return false;
    }
    if (!this.unflushed.includes(to)) this.unflushed.push(to);
    return true;
  }

  flush(): void {
    for (const to of this.unflushed) this.carry(to);
    this.unflushed = [];
  }

  close(): Promise<void> {
    this.stop();
    return Promise.resolve();
  }

  stats(): TransportStats {
    const linked = this.running ? [...this.up] : [];
    const waiting = (peer: PeerId): number => this.queues.get(peer)?.byteLength ?? 0;
    return statsOf(this.counters, new Map(linked.map((peer) => [peer, waiting(peer)] as const)));
  }

  /** @internal */
  resume(): void {
    for (const peer of this.up) this.announce(peer, false);
    this.running = true;
    for (const other of this.network.linked(this.id)) {
      this.announce(other.id, true);
      other.announce(this.id, true);
    }
  }

  /** @internal */
  stop(): void {
    if (!this.running) return;
    for (const other of this.network.linked(this.id)) other.announce(this.id, false);
    this.running = false;
    this.life += 1;
    this.queues.clear();
    this.unflushed = [];
  }

  /** @internal Tells the owner, later, that a link came or went. */
  announce(peer: PeerId, up: boolean): void {
    const { life } = this;
    this.network.later(() => {
      // After a `kill` nothing is heard; `resume` announces anew what changed meanwhile.
      if (!this.running || (life !== this.life && up)) return;
      if (up === this.up.has(peer)) return;
      if (up) this.up.add(peer);
      else this.up.delete(peer);
      this.events?.onLink(peer, up);
    });
  }

  private carry(to: PeerId): void {
    const frame = this.queues.get(to)?.take();
    const target = this.network.endpoint(to);
    if (frame === undefined || target === undefined || !this.network.areLinked(this.id, to)) {
      this.counters.droppedQueued += frame?.messages.length ?? 0;
      return;
    }
    const { messages, bytes } = frame;
    const lives = [this.life, target.life] as const;
    this.counters.framesOut += 1;
    this.counters.messagesOut += messages.length;
    this.counters.bytesOut += bytes?.length ?? 0;
    this.network.later(() => {
      if (lives[0] === this.life && lives[1] === target.life) target.receive(this.id, messages, bytes);
    });
  }

  private receive(from: PeerId, sent: readonly PeerMessage[], bytes: Uint8Array | undefined): void {
    const messages = this.network.survivors(from, this.id, bytes === undefined ? sent : decodeFrame(bytes).messages);
    if (messages.length === 0) return;
    this.counters.framesIn += 1;
    this.counters.messagesIn += messages.length;
    this.counters.bytesIn += bytes?.length ?? 0;
    this.events?.onMessages(from, messages);
  }
}

/** What waits for one peer until the next flush. */
class Queue {
  private messages: PeerMessage[] = [];
  private readonly encoder: FrameEncoder | undefined;
  private readonly from: PeerId;
  private readonly to: PeerId;

  constructor(from: PeerId, to: PeerId, encode: boolean) {
    this.from = isRouter(from) ? 0 : from;
    this.to = isRouter(to) ? 0 : to;
    this.encoder = encode ? new FrameEncoder({ from: this.from, to: this.to }) : undefined;
  }

  get length(): number {
    return this.messages.length;
  }

  get byteLength(): number {
    return this.encoder?.byteLength ?? 0;
  }

  take(): { readonly messages: readonly PeerMessage[]; readonly bytes: Uint8Array | undefined } {
    const { messages } = this;
    this.messages = [];
    return { messages, bytes: this.encoder?.take() };
  }

  /** False if this cannot be said between these two: the same rules with and without an encoding. */
  add(message: PeerMessage): boolean {
    if (message.type === 'raft' && !this.isRaftHere(message.message)) return false;
    try {
      this.encoder?.add(message);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
    this.messages.push(message);
    return true;
  }

  private isRaftHere(message: Message): boolean {
    return this.from !== 0 && this.to !== 0 && message.from === this.from && message.to === this.to;
  }
}
