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
import { commonVersion, PROTOCOL, type Protocol } from './protocol.js';
import {
  linkInfo,
  ROUTER_PEERS,
  type LinkInfo,
  type PeerId,
  type PeerMessage,
  type Transport,
  type TransportEvents,
} from './transport.js';
import { statsOf, zeroCounters, type TransportStats } from './transport-stats.js';
import { WireError } from './wire-buffer.js';
import type { Hello } from './wire-hello.js';
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
/** As hellos and frames have it. */
const nodeOrNone = (id: PeerId): NodeId => (isRouter(id) ? 0 : id);

export class MemoryNetwork {
  private readonly runtime: Pick<Runtime, 'defer'>;
  private readonly options: Required<MemoryNetworkOptions>;
  private readonly endpoints = new Map<PeerId, MemoryTransport>();
  private routers = 0;
  private lives = 0;
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
  node(id: NodeId, protocol: Protocol = PROTOCOL): MemoryTransport {
    if (this.endpoints.get(id)?.running === true) throw new Error(`node ${id} is running`);
    return this.attach(id, protocol);
  }

  /** The transport of one more router. All nodes know it by the same peer id. */
  router(protocol: Protocol = PROTOCOL): MemoryTransport {
    return this.attach(ROUTER_PEERS + this.routers++, protocol);
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

  /** @internal For `MemoryTransport`: with whom one that has just started links. */
  reachable(self: PeerId): MemoryTransport[] {
    const others = [...this.endpoints.values()].filter(({ id, running }) => id !== self && running);
    return others.filter(({ id }) => !isRouter(self) || !isRouter(id));
  }

  /** @internal A process began. */
  nextIncarnation(): number {
    return ++this.lives;
  }

  /** @internal */
  areLinked(a: PeerId, b: PeerId): boolean {
    return this.endpoints.get(a)?.link(b) !== undefined;
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

  private attach(id: PeerId, protocol: Protocol): MemoryTransport {
    const endpoint = new MemoryTransport(this, id, this.options, protocol);
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
  private readonly protocol: Protocol;
  private readonly incarnation: number;
  private readonly links = new Map<PeerId, LinkInfo>();
  private readonly counters = zeroCounters();
  private events: TransportEvents | undefined;
  /** Rises with every end, so that what was on its way to an earlier life is lost. */
  private life = 0;
  private readonly up = new Set<PeerId>();
  private readonly queues = new Map<PeerId, Queue>();
  private unflushed: PeerId[] = [];

  /** @internal */
  constructor(network: MemoryNetwork, id: PeerId, options: Required<MemoryNetworkOptions>, protocol: Protocol) {
    this.network = network;
    this.id = id;
    this.options = options;
    this.protocol = protocol;
    this.incarnation = network.nextIncarnation();
  }

  start(events: TransportEvents): Promise<void> {
    if (this.events !== undefined) return Promise.reject(new Error(`transport ${this.id} was started before`));
    this.events = events;
    this.resume();
    return Promise.resolve();
  }

  send(to: PeerId, message: PeerMessage): boolean {
    const link = this.links.get(to);
    if (link === undefined) {
      this.counters.droppedNoLink += 1;
      return false;
    }
    let queue = this.queues.get(to);
    if (queue === undefined)
      this.queues.set(to, (queue = new Queue(this.id, to, this.options.encode ? link.version : undefined)));
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
    const linked = this.running ? [...this.links] : [];
    const waiting = (peer: PeerId): number => this.queues.get(peer)?.byteLength ?? 0;
    return statsOf(
      this.counters,
      linked.map(([peer, { version }]) => ({ peer, version, queuedBytes: waiting(peer) })),
    );
  }

  link(peer: PeerId): LinkInfo | undefined {
    return this.links.get(peer);
  }

  /** @internal */
  resume(): void {
    for (const peer of this.up) this.announce(peer, false);
    this.running = true;
    for (const other of this.network.reachable(this.id)) {
      if (!this.meet(other)) continue;
      this.announce(other.id, true);
      other.announce(this.id, true);
    }
  }

  /** The hellos of both sides; false if one does not welcome the other. */
  private meet(other: MemoryTransport): boolean {
    const version = commonVersion(this.protocol.versions, other.protocol.versions);
    if (version === undefined) return false;
    const [mine, theirs] = [this.helloTo(other), other.helloTo(this)];
    if (this.events?.objection?.(theirs) !== undefined || other.events?.objection?.(mine) !== undefined) return false;
    this.links.set(other.id, linkInfo(theirs, version));
    other.links.set(this.id, linkInfo(mine, version));
    return true;
  }

  private helloTo(other: MemoryTransport): Hello {
    const [from, to] = [nodeOrNone(this.id), nodeOrNone(other.id)];
    const extension = this.events?.helloTo?.(to) ?? {};
    const { protocol, incarnation } = this;
    return { role: from === 0 ? 'router' : 'node', from, to, incarnation, clusterId: '', ...protocol, extension };
  }

  /** @internal */
  stop(): void {
    if (!this.running) return;
    for (const peer of this.links.keys()) this.network.endpoint(peer)?.parted(this.id);
    this.links.clear();
    this.running = false;
    this.life += 1;
    this.queues.clear();
    this.unflushed = [];
  }

  /** @internal The other side is gone. */
  parted(peer: PeerId): void {
    this.links.delete(peer);
    // What waited for it was encoded for the protocol version of a link that is gone.
    this.counters.droppedQueued += this.queues.get(peer)?.length ?? 0;
    this.queues.delete(peer);
    this.announce(peer, false);
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

  private decode(from: PeerId, bytes: Uint8Array): readonly PeerMessage[] {
    return decodeFrame(bytes, this.links.get(from)?.version).messages;
  }

  private receive(from: PeerId, sent: readonly PeerMessage[], bytes: Uint8Array | undefined): void {
    const messages = this.network.survivors(from, this.id, bytes === undefined ? sent : this.decode(from, bytes));
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

  /** @param version protocol version of the link, if what is sent is to be encoded. */
  constructor(from: PeerId, to: PeerId, version: number | undefined) {
    this.from = nodeOrNone(from);
    this.to = nodeOrNone(to);
    this.encoder = version === undefined ? undefined : new FrameEncoder({ from: this.from, to: this.to }, { version });
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
