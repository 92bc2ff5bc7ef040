/**
 * One process's end of all its links in the in-memory network (`memory.ts`).
 *
 * Hellos are exchanged as between processes that are far apart: each side may take its time to look into the other's.
 */
import { examineHello, type Meeting } from './duplicates.js';
import { isRouter, nodeOrNone, Queue } from './memory-queue.js';
import { commonVersion, type Protocol } from './protocol.js';
import {
  linkInfo,
  type LinkInfo,
  type PeerId,
  type PeerMessage,
  type Proof,
  type Transport,
  type TransportEvents,
} from './transport.js';
import type { MemoryNetwork, MemoryNetworkOptions } from './memory.js';
import { statsOf, zeroCounters, type Refused, type TransportStats } from './stats.js';
import type { Hello } from './wire-hello.js';
import { decodeFrame } from './wire.js';

interface MemoryLink {
  readonly info: LinkInfo;
  readonly other: MemoryTransport;
}

/** Made by `MemoryNetwork`. Its links are up as soon as both ends have started. */
export class MemoryTransport implements Transport {
  readonly id: PeerId;
  /** Where it is, as partitions have it. */
  readonly place: PeerId;
  /** @internal Started, and neither killed nor closed. */
  running = false;
  private readonly network: MemoryNetwork;
  private readonly options: Required<MemoryNetworkOptions>;
  private readonly protocol: Protocol;
  private readonly incarnation: number;
  private readonly links = new Map<PeerId, MemoryLink>();
  private readonly counters = zeroCounters();
  private events: TransportEvents | undefined;
  /** Rises with every end, so that what was on its way to an earlier life is lost. */
  private life = 0;
  private readonly up = new Set<PeerId>();
  private readonly queues = new Map<PeerId, Queue>();
  private unflushed: PeerId[] = [];

  /** @internal */
  constructor(
    network: MemoryNetwork,
    { id, place }: Pick<MemoryTransport, 'id' | 'place'>,
    options: Required<MemoryNetworkOptions>,
    protocol: Protocol,
  ) {
    this.network = network;
    this.id = id;
    this.place = place;
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
    const link = this.links.get(to)?.info;
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
      this.counters.droppedEncodeError += 1;
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
      linked.map(
        ([
          peer,
          {
            info: { version },
          },
        ]) => ({ peer, version, queuedBytes: waiting(peer) }),
      ),
    );
  }

  link(peer: PeerId): LinkInfo | undefined {
    return this.links.get(peer)?.info;
  }

  prove(peer: PeerId, tell: Proof): void {
    const link = this.links.get(peer);
    this.network.later(() => {
      const { place } = link?.other ?? this;
      const hears = this.network.carries(this.place, place) && this.network.carries(place, this.place);
      tell(link !== undefined && this.links.get(peer) === link && hears);
    });
  }

  refuse(peer: PeerId, { reason }: Refused): void {
    const other = this.links.get(peer)?.other;
    if (other === undefined) return;
    this.counters.refused[reason] += 1;
    this.part(other);
    if (reason === 'duplicate-node') other.refusedAsDuplicate(this.id);
  }

  /** @internal */
  resume(): void {
    for (const peer of this.up) this.announce(peer, false);
    this.running = true;
    this.meetAll();
  }

  /** @internal Links to whomever it can reach and is not linked to. */
  meetAll(): void {
    for (const other of this.network.reachable(this)) if (!this.isLinked(other)) this.meet(other);
  }

  private isLinked(other: MemoryTransport): boolean {
    return this.links.get(other.id)?.other === other;
  }

  /** The hellos of both sides, each of which may take its time to look into the other's. */
  private meet(other: MemoryTransport): void {
    if (commonVersion(this.protocol.versions, other.protocol.versions) === undefined) return;
    other.examine(this, () => {
      this.examine(other, () => {
        if (this.running && other.running && !this.isLinked(other)) this.linkTo(other);
      });
    });
  }

  /** What this side thinks of the other's hello; `go` is called if nothing speaks against it. */
  private examine(other: MemoryTransport, go: () => void): void {
    const hello = other.helloTo(this);
    const { logger } = this.options;
    const meeting: Meeting = {
      logger,
      link: (node) => this.link(node),
      prove: (node, tell) => {
        this.prove(node, tell);
      },
      giveUp: (node) => {
        this.refuse(node, { reason: 'silent', detail: '' });
      },
      outsider: this.events?.outsider?.bind(this.events),
      examine: this.events?.examine?.bind(this.events),
    };
    const decide = (refused: Refused | undefined): void => {
      if (refused === undefined) {
        go();
        return;
      }
      this.counters.refused[refused.reason] += 1;
      if (refused.reason === 'duplicate-node') other.refusedAsDuplicate(this.id);
    };
    if (isRouter(this.id)) go();
    else examineHello(hello, meeting, decide);
  }

  private linkTo(other: MemoryTransport): void {
    const version = commonVersion(this.protocol.versions, other.protocol.versions);
    const [mine, theirs] = [this.helloTo(other), other.helloTo(this)];
    if (version === undefined || this.events?.objection?.(theirs) !== undefined) return;
    if (other.events?.objection?.(mine) !== undefined) return;
    for (const [end, peer] of [
      [this, other.id],
      [other, this.id],
    ] as const) {
      const before = end.links.get(peer)?.other;
      if (before !== undefined) end.part(before);
    }
    this.links.set(other.id, { info: linkInfo(theirs, version), other });
    other.links.set(this.id, { info: linkInfo(mine, version), other: this });
    this.announce(other.id, true);
    other.announce(this.id, true);
  }

  private refusedAsDuplicate(by: PeerId): void {
    const { life } = this;
    this.network.later(() => {
      if (this.running && life === this.life) this.events?.onDuplicate?.(by);
    });
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
    for (const { other } of this.links.values()) other.parted(this);
    this.links.clear();
    this.running = false;
    this.life += 1;
    this.queues.clear();
    this.unflushed = [];
  }

  /** Ends the link on both sides. */
  private part(other: MemoryTransport): void {
    other.parted(this);
    this.parted(other);
  }

  /** @internal The other side is gone. */
  parted(other: MemoryTransport): void {
    if (!this.isLinked(other)) return;
    const peer = other.id;
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
    const target = this.links.get(to)?.other;
    if (frame === undefined || target === undefined) {
      this.counters.droppedQueued += frame?.messages.length ?? 0;
      return;
    }
    const { messages, bytes } = frame;
    const lives = [this.life, target.life] as const;
    this.counters.framesOut += 1;
    this.counters.messagesOut += messages.length;
    this.counters.bytesOut += bytes?.length ?? 0;
    this.network.later(() => {
      if (lives[0] === this.life && lives[1] === target.life) target.receive(this, messages, bytes);
    });
  }

  private decode(from: PeerId, bytes: Uint8Array): readonly PeerMessage[] {
    return decodeFrame(bytes, this.links.get(from)?.info.version).messages;
  }

  private receive(sender: MemoryTransport, sent: readonly PeerMessage[], bytes: Uint8Array | undefined): void {
    const from = sender.id;
    // What is under way when a link ends is lost with it.
    if (!this.isLinked(sender)) return;
    const arrived = bytes === undefined ? sent : this.decode(from, bytes);
    const messages = this.network.survivors(sender.place, this.place, arrived);
    if (messages.length === 0) return;
    this.counters.framesIn += 1;
    this.counters.messagesIn += messages.length;
    this.counters.bytesIn += bytes?.length ?? 0;
    this.events?.onMessages(from, messages);
  }
}
