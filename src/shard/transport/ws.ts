/**
 * The transport between processes: one persistent WebSocket link per pair of nodes, and one from each router to each
 * node, on a separate port.
 *
 * The lower node id dials the higher, so a pair never has two links. Both sides say hello (`wire-hello.ts`) before
 * anything else; a link carries binary frames (`wire.ts`) from then on. Broken links are dialled again until `close`.
 * Queues are bounded in bytes per peer; messages that do not fit are dropped, and `send` returns false.
 *
 * There is no encryption and no authentication: the peer port must be in a network that only the cluster can reach.
 */
import type { NodeId } from '../../raft/index.js';
import { MAX_FRAME_BYTES, SPLIT_FRAME_BYTES } from '../bounds.js';
import { silentLogger, type Logger, type Runtime, type Timer } from '../runtime.js';
import { PROTOCOL, type Protocol } from './protocol.js';
import {
  ROUTER_PEERS,
  type LinkInfo,
  type PeerId,
  type PeerMessage,
  type ProbeCallback,
  type Transport,
  type TransportEvents,
} from './transport.js';
import { statsOf, zeroCounters, type LinkRefusal, type TransportStats } from './stats.js';
import { admitHello, type HelloContext } from './duplicates.js';
import { Dialer, type DialContext } from './dialer.js';
import type { Hello } from './wire-hello.js';
import type { Identity } from './handshake.js';
import { WsLink, type Connection, type LinkOwner } from './link.js';
import { Listener } from './listener.js';

export interface WsTransportOptions {
  readonly self:
    | { readonly role: 'node'; readonly id: NodeId; readonly clusterId: string }
    /** Without a cluster id, the router adopts that of the first node that it reaches, and keeps it. */
    | { readonly role: 'router'; readonly clusterId?: string };
  readonly runtime: Runtime;
  readonly logger?: Logger;
  /** Where a node listens; port 0 = any free one (see `port`). */
  readonly listen?: { readonly host: string; readonly port: number };
  /** host:port of the nodes; this node's own is ignored. `setPeers` replaces it. */
  readonly peers?: ReadonlyMap<NodeId, string>;
  /** host:port of nodes whose ids a router does not know; used only until `setPeers` provides the addresses by id. */
  readonly seeds?: readonly string[];
  /** Must be greater in every later incarnation. Default: the wall clock in milliseconds. */
  readonly incarnation?: number;
  /** Bytes that may wait for one peer in each lane; the bound may be exceeded by one message. Default 32 MiB. */
  readonly maxQueueBytes?: number;
  /** Longest frame sent or accepted, default 32 MiB. A single message may have this length minus `splitFrameBytes`. */
  readonly maxFrameBytes?: number;
  /** A frame longer than this is followed by another, default 4 MiB. */
  readonly splitFrameBytes?: number;
  /** Connections on the peer port, including those before a valid hello. Default 1,024. */
  readonly maxConnections?: number;
  /** Routers linked to this node. Default 512. */
  readonly maxRouters?: number;
  /** Time from connecting to a valid hello. Default 5,000. */
  readonly helloTimeoutMs?: number;
  /** A link is closed after this long (ms) without a byte, not even an answer to a WebSocket ping. Default 3,000. */
  readonly silenceTimeoutMs?: number;
  /** Protocol of this side. Default: that of this build. */
  readonly protocol?: Protocol;
}

const MIB = 1024 * 1024;
/** Share of the hello timeout that a probe of another process may take. */
const PROOF_PART = 0.6;

const settingsOf = (options: WsTransportOptions) => ({
  maxQueueBytes: options.maxQueueBytes ?? 32 * MIB,
  maxFrameBytes: options.maxFrameBytes ?? MAX_FRAME_BYTES,
  splitFrameBytes: options.splitFrameBytes ?? SPLIT_FRAME_BYTES,
  maxConnections: options.maxConnections ?? 1024,
  maxRouters: options.maxRouters ?? 512,
  helloTimeoutMs: options.helloTimeoutMs ?? 5000,
  silenceTimeoutMs: options.silenceTimeoutMs ?? 3000,
});

export class WsTransport implements Transport {
  readonly #settings: ReturnType<typeof settingsOf>;
  readonly #listen: WsTransportOptions['listen'];
  readonly #seeds: readonly string[];
  readonly #runtime: Runtime;
  readonly #logger: Logger;
  readonly #incarnation: number;
  readonly #counters = zeroCounters();
  readonly #listener: Listener | undefined;
  readonly #linkOwner: LinkOwner;
  /** Identity of this side; a router's cluster id is empty until it is known. */
  #identity: Identity;
  #peers: ReadonlyMap<NodeId, string>;
  #events: TransportEvents | undefined;
  #silence: Timer | undefined;
  #closed = false;
  readonly #dialers = new Map<NodeId, Dialer>();
  readonly #seedDialers = new Set<Dialer>();
  readonly #links = new Map<PeerId, WsLink>();
  #routersSeen = 0;
  #lastEncodeError = '';

  constructor(options: WsTransportOptions) {
    const { self, runtime } = options;
    this.#settings = settingsOf(options);
    this.#listen = options.listen;
    this.#seeds = self.role === 'router' ? (options.seeds ?? []) : [];
    this.#runtime = runtime;
    this.#logger = options.logger ?? silentLogger;
    const id = self.role === 'node' ? self.id : 0;
    const protocol = options.protocol ?? PROTOCOL;
    this.#identity = { role: self.role, id, clusterId: self.clusterId ?? '', protocol };
    if (self.role === 'node' && self.clusterId === '') throw new Error('a node must know its cluster');
    this.#incarnation = options.incarnation ?? Math.floor(runtime.wallTime());
    this.#peers = options.peers ?? new Map<NodeId, string>();
    this.#linkOwner = {
      limits: this.#settings,
      counters: this.#counters,
      now: () => runtime.now(),
      onMessages: (link, messages) => this.#events?.onMessages(link.peer, messages),
      onDown: (link, why) => {
        this.#linkDown(link, why);
      },
      onDuplicate: (link) => {
        this.#events?.onDuplicate?.(link.peer);
      },
      onEncodeError: (link, message, why) => {
        this.#logEncodeError(link.peer, message, why);
      },
    };
    if (this.#listen !== undefined) this.#listener = this.#makeListener();
  }

  /** Listens, if configured, and begins to dial. @throws if it cannot listen on the address. */
  async start(events: TransportEvents): Promise<void> {
    if (this.#events !== undefined) throw new Error('the transport was started before');
    this.#events = events;
    const listen = this.#listen;
    if (listen !== undefined) await this.#listener?.listen(listen.host, listen.port);
    this.#silence = this.#runtime.every(this.#settings.silenceTimeoutMs / 3, () => {
      for (const link of [...this.#links.values()]) link.checkSilence();
    });
    this.#dialPeers();
    if (this.#peers.size > 0) return;
    for (const address of new Set(this.#seeds)) this.#seedDialers.add(this.#startDialer(0, address));
  }

  /** The port that this side listens on; 0 if none. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** The cluster that this side belongs to; empty as long as a router has reached no node. */
  get clusterId(): string {
    return this.#identity.clusterId;
  }

  /** Replaces the addresses. Links to nodes that are gone or have moved are ended, new ones are dialled. */
  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    const before = this.#peers;
    this.#peers = new Map(peers);
    for (const [node, address] of before) {
      if (peers.get(node) === address) continue;
      this.#dialers.get(node)?.stop();
      this.#dialers.delete(node);
      // A node that dials this side and has moved keeps its link: it is still the same node.
      if (!peers.has(node) || this.#mustDial(node)) this.#links.get(node)?.end('not a peer any more, or moved');
    }
    this.#dialPeers();
    // A node that was reached by a seed address and is no peer is disconnected.
    for (const dialer of this.#seedDialers) dialer.stop();
    this.#seedDialers.clear();
  }

  send(to: PeerId, message: PeerMessage): boolean {
    const link = this.#links.get(to);
    if (link === undefined) {
      this.#counters.droppedNoLink += 1;
      return false;
    }
    return link.send(message);
  }

  flush(): void {
    for (const link of this.#links.values()) link.flush();
  }

  link(peer: PeerId): LinkInfo | undefined {
    return this.#links.get(peer)?.info;
  }

  probe(peer: PeerId, report: ProbeCallback): void {
    const { silenceTimeoutMs, helloTimeoutMs } = this.#settings;
    let isDecided = false;
    const end = (isAlive: boolean): void => {
      if (isDecided) return;
      isDecided = true;
      timer.cancel();
      report(isAlive);
    };
    // The process that sent the hello waits for the answer no longer than the timeout.
    const timer = this.#runtime.after(Math.min(silenceTimeoutMs, helloTimeoutMs * PROOF_PART), () => {
      // If this process itself was late, the answer may be in the socket buffer, which is read first.
      this.#runtime.defer(() => {
        end(false);
      });
    });
    const link = this.#links.get(peer);
    if (link === undefined) end(false);
    else link.probe(end);
  }

  refuse(peer: PeerId, { reason, detail }: LinkRefusal): void {
    this.#links.get(peer)?.break(reason, detail);
  }

  /** Closes all links at once, without a notification for each. Flushed messages may still arrive. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#silence?.cancel();
    for (const link of [...this.#links.values()]) link.end('closing');
    for (const dialer of [...this.#dialers.values(), ...this.#seedDialers]) dialer.stop();
    this.#dialers.clear();
    this.#seedDialers.clear();
    await this.#listener?.close();
  }

  stats(): TransportStats {
    const links = [...this.#links].map(([peer, { info, queuedBytes }]) => ({
      peer,
      version: info.version,
      queuedBytes,
    }));
    return statsOf(this.#counters, links);
  }

  #makeListener(): Listener {
    return new Listener({
      ...this.#common(),
      maxConnections: this.#settings.maxConnections,
      peers: () => this.#peers,
      finalCheck: (hello) => this.#finalCheck(hello) ?? this.#events?.finalCheck?.(hello),
      onLinked: (connection, { role, from }, info) => {
        const peer = role === 'router' ? ROUTER_PEERS + this.#routersSeen++ : from;
        // Only a later incarnation, or a second attempt of the same one, gets this far.
        this.#links.get(peer)?.break('replaced', 'the peer has linked anew');
        this.#linkUp(connection, peer, from, info);
      },
    });
  }

  /** The options that dialers and the listener share. */
  #common(): Omit<DialContext, 'onLinked'> {
    const { helloTimeoutMs, maxFrameBytes } = this.#settings;
    return {
      runtime: this.#runtime,
      logger: this.#logger,
      counters: this.#counters,
      incarnation: this.#incarnation,
      helloTimeoutMs,
      maxFrameBytes,
      identity: () => this.#identity,
      helloTo: (peer) => this.#events?.helloTo?.(peer) ?? {},
      validateHello: (hello, decide) => {
        // Routers hold no data that two processes of a node could corrupt, and do not decide.
        if (this.#identity.role === 'router') decide(undefined);
        else admitHello(hello, this.#helloContext(), decide);
      },
      finalCheck: (hello) => this.#events?.finalCheck?.(hello),
      onDuplicate: (peer) => this.#events?.onDuplicate?.(peer),
    };
  }

  #helloContext(): HelloContext {
    return {
      logger: this.#logger,
      link: (node) => this.link(node),
      probe: (node, report) => {
        this.probe(node, report);
      },
      dropLink: (node) =>
        this.#links.get(node)?.closeSilent('another process of the node is here, and no sign of life came'),
      checkMembership: this.#events?.checkMembership?.bind(this.#events),
      validateHello: this.#events?.validateHello?.bind(this.#events),
    };
  }

  #finalCheck({ role, from, incarnation }: Hello): LinkRefusal | undefined {
    if (role === 'router') {
      const routers = [...this.#links.keys()].filter((peer) => peer >= ROUTER_PEERS).length;
      if (routers < this.#settings.maxRouters) return undefined;
      return { reason: 'too-many-links', detail: `${routers} routers are linked` };
    }
    const link = this.#links.get(from);
    if (link === undefined || link.info.incarnation <= incarnation) return undefined;
    return { reason: 'replaced', detail: `a later incarnation of node ${from} is linked` };
  }

  #mustDial(node: NodeId): boolean {
    return this.#identity.role === 'router' || node > this.#identity.id;
  }

  #dialPeers(): void {
    if (this.#events === undefined || this.#closed) return;
    for (const [node, address] of this.#peers) {
      if (!this.#mustDial(node) || this.#dialers.has(node)) continue;
      this.#dialers.set(node, this.#adoptSeed(node, address) ?? this.#startDialer(node, address));
    }
  }

  /** The dialer that has already reached `node` by a seed, if any. */
  #adoptSeed(node: NodeId, address: string): Dialer | undefined {
    const dialer = [...this.#seedDialers].find((seed) => seed.linkedNode === node);
    if (dialer === undefined) return undefined;
    this.#seedDialers.delete(dialer);
    dialer.adopt(node, address);
    return dialer;
  }

  #startDialer(node: NodeId, address: string): Dialer {
    const dialer = new Dialer(node, address, {
      ...this.#common(),
      onLinked: (self, connection, hello, info) => {
        this.#dialled(self, connection, hello, info);
      },
    });
    dialer.dial();
    return dialer;
  }

  #dialled(dialer: Dialer, connection: Connection, { from, clusterId }: Hello, info: LinkInfo): void {
    if (this.#links.has(from)) {
      // Two seeds lead to one node.
      this.#seedDialers.delete(dialer);
      dialer.stop();
      return;
    }
    this.#identity = { ...this.#identity, clusterId };
    this.#linkUp(connection, from, from, info);
  }

  /** @param remote as in frames: a node id, or 0 for a router. */
  #linkUp(connection: Connection, peer: PeerId, remote: NodeId, info: LinkInfo): void {
    const ends = { from: this.#identity.id, to: remote };
    this.#links.set(peer, new WsLink(connection, peer, ends, info, this.#linkOwner));
    this.#logger.info({ peer, version: info.version }, 'link up');
    this.#events?.onLink(peer, true);
  }

  /** A defect of the sender, who may retry the same message: logged as an error once. */
  #logEncodeError(peer: PeerId, { type }: PeerMessage, why: string): void {
    const fields = { peer, type, why };
    if (why === this.#lastEncodeError) this.#logger.debug(fields, 'again a message that cannot be sent');
    else this.#logger.error(fields, 'a message cannot be sent');
    this.#lastEncodeError = why;
  }

  #linkDown(link: WsLink, why: string): void {
    this.#links.delete(link.peer);
    if (this.#closed) return;
    this.#logger.info({ peer: link.peer, why }, 'link down');
    this.#events?.onLink(link.peer, false);
  }
}
