/**
 * One incarnation's end of all its links, as the production code sees it. The network (`virtual-network.ts`) decides
 * what happens to a frame on its way.
 */
import {
  FrameEncoder,
  admitHello,
  newestLayout,
  silentLogger,
  ROUTER_PEERS,
  WireError,
  type Hello,
  type Identity,
  type LinkInfo,
  type HelloContext,
  type PeerId,
  type PeerMessage,
  type ProbeCallback,
  type Protocol,
  type LinkRefusal,
  type Transport,
  type TransportEvents,
} from '../shard/index.js';
import type { LaneLink } from './lane-link.js';
import type { NarrowLink } from './narrow-link.js';
import type { Incarnation } from './scheduler.js';
import type { UnderWay } from './under-way.js';
import type { VirtualNetwork } from './virtual-network.js';

/** One direction of a narrow link, and this side's end of it. */
export interface Wire {
  readonly narrow: NarrowLink;
  readonly lanes: LaneLink;
  readonly underWay: UnderWay;
}

interface ProcessIncarnation {
  readonly incarnation: Incarnation;
  readonly protocol: Protocol;
  readonly incarnationId: number;
}

interface VirtualLink {
  readonly wire: Wire | undefined;
  readonly peer: VirtualTransport;
  readonly info: LinkInfo;
  readonly generation: number;
}

/** One incarnation's end of all its links. Created by `VirtualNetwork`. */
export class VirtualTransport implements Transport {
  readonly id: PeerId;
  readonly incarnation: Incarnation;
  /** @internal */
  readonly protocol: Protocol;
  readonly #incarnationId: number;
  /** @internal Its end was reported to the other peers. */
  buried = false;
  readonly #network: VirtualNetwork;
  readonly #links = new Map<PeerId, VirtualLink>();
  readonly #queues = new Map<PeerId, FrameEncoder>();
  readonly #unflushed = new Set<PeerId>();
  #events: TransportEvents | undefined;
  #generations = 0;
  #closed = false;

  /** @internal */
  constructor(network: VirtualNetwork, id: PeerId, { incarnation, protocol, incarnationId }: ProcessIncarnation) {
    this.#network = network;
    this.id = id;
    this.incarnation = incarnation;
    this.protocol = protocol;
    this.#incarnationId = incarnationId;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    this.#network.joined(this);
    return Promise.resolve();
  }

  /** As over a socket: what the link's version cannot carry is not sent. */
  send(to: PeerId, message: PeerMessage): boolean {
    try {
      return this.#send(to, message);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  }

  #send(to: PeerId, message: PeerMessage): boolean {
    const link = this.#links.get(to);
    if (link === undefined) return false;
    if (link.wire !== undefined) return this.#sendOver(link.wire, to, message);
    let queue = this.#queues.get(to);
    if (queue === undefined) {
      const { version } = link.info;
      queue = new FrameEncoder({ from: nodeOrRouter(this.id), to: nodeOrRouter(to) }, { version });
      this.#queues.set(to, queue);
    }
    queue.add(message);
    this.#network.sent(this, to, message);
    this.#unflushed.add(to);
    return true;
  }

  #sendOver({ lanes, underWay }: Wire, to: PeerId, message: PeerMessage): boolean {
    if (!lanes.send(message)) return false;
    const repeated = underWay.add(message);
    if (repeated !== undefined) this.#network.repeated(this.id, to, repeated);
    this.#network.sent(this, to, message);
    return true;
  }

  flush(): void {
    for (const { wire } of this.#links.values()) wire?.lanes.flush();
    for (const to of this.#unflushed) {
      const bytes = this.#queues.get(to)?.take();
      if (bytes !== undefined) this.#network.carry(this, to, bytes);
    }
    this.#unflushed.clear();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#network.died(this, 0);
    return Promise.resolve();
  }

  /** @internal */
  get running(): boolean {
    return this.#events !== undefined && !this.#closed && !this.incarnation.ended;
  }

  /** @internal */
  isLinked(other: VirtualTransport): boolean {
    return this.peer(other.id) === other;
  }

  /** @internal The incarnation at the other end of the link. */
  peer(id: PeerId): VirtualTransport | undefined {
    return this.#links.get(id)?.peer;
  }

  /** @internal */
  wire(id: PeerId): Wire | undefined {
    return this.#links.get(id)?.wire;
  }

  /** @internal Increases with every link to the peer; 0 = there is no link to this incarnation of it. */
  generation(peer: VirtualTransport): number {
    const link = this.#links.get(peer.id);
    return link?.peer === peer ? link.generation : 0;
  }

  link(peer: PeerId): LinkInfo | undefined {
    return this.#links.get(peer)?.info;
  }

  /** @internal */
  helloTo(peer: PeerId): Hello {
    const { role, id: from, clusterId, protocol } = this.identity;
    const to = nodeOrRouter(peer);
    const extension = this.#events?.helloTo?.(to) ?? {};
    return { role, from, to, clusterId, ...protocol, incarnation: this.#incarnationId, extension };
  }

  /** @internal All clusters of a simulation have the same settings, and so the same id. */
  get identity(): Identity {
    const id = nodeOrRouter(this.id);
    return { role: id === 0 ? 'router' : 'node', id, clusterId: 'simulated', protocol: this.protocol };
  }

  /** @internal As between real processes, either side may take time to check the other's hello. */
  examine(other: VirtualTransport, go: () => void): void {
    // Builds that know only the first hello send nothing that could be checked.
    const isFormer = ({ protocol }: VirtualTransport): boolean => newestLayout(protocol) === 1;
    if (this.id >= ROUTER_PEERS || isFormer(this) || isFormer(other)) {
      go();
      return;
    }
    const meeting: HelloContext = {
      logger: silentLogger,
      link: (node) => this.link(node),
      probe: (node, onResult) => {
        this.probe(node, onResult);
      },
      dropLink: (node) => {
        this.refuse(node, { reason: 'silent', detail: '' });
      },
      checkMembership: this.#events?.checkMembership?.bind(this.#events),
      validateHello: this.#events?.validateHello?.bind(this.#events),
    };
    admitHello(other.helloTo(this.id), meeting, (refused) => {
      if (refused === undefined) go();
      else this.#network.refused(this, other, refused);
    });
  }

  /** @internal */
  objection(hello: Hello): LinkRefusal | undefined {
    return this.#events?.finalCheck?.(hello);
  }

  probe(peer: PeerId, onResult: ProbeCallback): void {
    this.#network.probe(this, this.peer(peer), onResult);
  }

  refuse(peer: PeerId, { reason }: LinkRefusal): void {
    const other = this.peer(peer);
    if (other === undefined) return;
    this.unlink(other);
    other.unlink(this);
    if (reason === 'duplicate-node') other.refusedAsDuplicate(this.id);
  }

  /** @internal */
  refusedAsDuplicate(by: PeerId): void {
    this.#network.soon(this.incarnation, () => {
      this.#events?.onDuplicate?.(by);
    });
  }

  /** @internal */
  linkUp(peer: VirtualTransport, info: LinkInfo): void {
    const earlier = this.peer(peer.id);
    if (earlier !== undefined) this.unlink(earlier);
    this.#links.set(peer.id, {
      peer,
      info,
      generation: ++this.#generations,
      wire: this.#network.wire(this, peer, info.version),
    });
    this.#notifyLink(peer.id, true);
  }

  /** @internal */
  unlink(peer: VirtualTransport): void {
    if (!this.isLinked(peer)) return;
    this.wire(peer.id)?.narrow.break();
    this.#links.delete(peer.id);
    this.#queues.delete(peer.id);
    this.#unflushed.delete(peer.id);
    this.#notifyLink(peer.id, false);
  }

  #notifyLink(peer: PeerId, up: boolean): void {
    this.#network.soon(this.incarnation, () => {
      this.#events?.onLink(peer, up);
    });
  }

  /** @internal */
  receive(from: PeerId, messages: readonly PeerMessage[]): void {
    this.#events?.onMessages(from, messages);
  }
}

/** The id as hellos and frames contain it. */
export const nodeOrRouter = (id: PeerId): number => (id >= ROUTER_PEERS ? 0 : id);
