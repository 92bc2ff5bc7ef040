/**
 * One process's end of all its links in the in-memory network (`memory.ts`).
 *
 * Hellos are exchanged as over a real network: each side may validate the other's asynchronously.
 */
import { admitHello, type HelloContext } from './duplicates.js';
import { isRouter, nodeOrNone, Queue } from './memory-queue.js';
import { commonVersion, type Protocol } from './protocol.js';
import {
  linkInfo,
  type LinkInfo,
  type PeerId,
  type PeerMessage,
  type ProbeCallback,
  type Transport,
  type TransportEvents,
} from './transport.js';
import type { MemoryNetwork, MemoryNetworkOptions } from './memory.js';
import { statsOf, zeroCounters, type LinkRefusal, type TransportStats } from './stats.js';
import type { Hello } from './wire-hello.js';
import { decodeFrame } from './wire.js';

interface MemoryLink {
  readonly info: LinkInfo;
  readonly other: MemoryTransport;
}

/** Made by `MemoryNetwork`. Its links are up as soon as both ends have started. */
export class MemoryTransport implements Transport {
  readonly id: PeerId;
  /** Its id for partitions, cuts and isolation. */
  readonly place: PeerId;
  /** @internal Started, and neither killed nor closed. */
  running = false;
  readonly #network: MemoryNetwork;
  readonly #options: Required<MemoryNetworkOptions>;
  readonly #protocol: Protocol;
  readonly #incarnation: number;
  readonly #links = new Map<PeerId, MemoryLink>();
  readonly #counters = zeroCounters();
  #events: TransportEvents | undefined;
  /** Incremented by every stop, so that messages in flight to an earlier generation are lost. */
  #generation = 0;
  readonly #up = new Set<PeerId>();
  readonly #queues = new Map<PeerId, Queue>();
  #unflushed: PeerId[] = [];

  /** @internal */
  constructor(
    network: MemoryNetwork,
    { id, place }: Pick<MemoryTransport, 'id' | 'place'>,
    options: Required<MemoryNetworkOptions>,
    protocol: Protocol,
  ) {
    this.#network = network;
    this.id = id;
    this.place = place;
    this.#options = options;
    this.#protocol = protocol;
    this.#incarnation = network.nextIncarnation();
  }

  start(events: TransportEvents): Promise<void> {
    if (this.#events !== undefined) return Promise.reject(new Error(`transport ${this.id} was started before`));
    this.#events = events;
    this.resume();
    return Promise.resolve();
  }

  send(to: PeerId, message: PeerMessage): boolean {
    const link = this.#links.get(to)?.info;
    if (link === undefined) {
      this.#counters.droppedNoLink += 1;
      return false;
    }
    let queue = this.#queues.get(to);
    if (queue === undefined)
      this.#queues.set(to, (queue = new Queue(this.id, to, this.#options.encode ? link.version : undefined)));
    if (queue.length >= this.#options.maxQueuedMessages) {
      this.#counters.droppedFull += 1;
      return false;
    }
    if (!queue.add(message)) {
      this.#counters.droppedEncodeError += 1;
      return false;
    }
    if (!this.#unflushed.includes(to)) this.#unflushed.push(to);
    return true;
  }

  flush(): void {
    for (const to of this.#unflushed) this.#deliver(to);
    this.#unflushed = [];
  }

  close(): Promise<void> {
    this.stop();
    return Promise.resolve();
  }

  stats(): TransportStats {
    const linked = this.running ? [...this.#links] : [];
    const waiting = (peer: PeerId): number => this.#queues.get(peer)?.byteLength ?? 0;
    return statsOf(
      this.#counters,
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
    return this.#links.get(peer)?.info;
  }

  probe(peer: PeerId, report: ProbeCallback): void {
    const link = this.#links.get(peer);
    this.#network.later(() => {
      const { place } = link?.other ?? this;
      const isReachable = this.#network.canDeliver(this.place, place) && this.#network.canDeliver(place, this.place);
      report(link !== undefined && this.#links.get(peer) === link && isReachable);
    });
  }

  refuse(peer: PeerId, { reason }: LinkRefusal): void {
    const other = this.#links.get(peer)?.other;
    if (other === undefined) return;
    this.#counters.refused[reason] += 1;
    this.#disconnect(other);
    if (reason === 'duplicate-node') other.#refusedAsDuplicate(this.id);
  }

  /** @internal */
  resume(): void {
    for (const peer of this.#up) this.notifyLink(peer, false);
    this.running = true;
    this.connectAll();
  }

  /** @internal Links to every reachable endpoint that it is not linked to. */
  connectAll(): void {
    for (const other of this.#network.reachable(this)) if (!this.#isLinked(other)) this.#connect(other);
  }

  #isLinked(other: MemoryTransport): boolean {
    return this.#links.get(other.id)?.other === other;
  }

  /** Exchanges hellos; each side may validate the other's asynchronously. */
  #connect(other: MemoryTransport): void {
    if (commonVersion(this.#protocol.versions, other.#protocol.versions) === undefined) return;
    other.#admitHelloOf(this, () => {
      this.#admitHelloOf(other, () => {
        if (this.running && other.running && !this.#isLinked(other)) this.#linkTo(other);
      });
    });
  }

  /** Checks the other side's hello; `go` is called if it is accepted. */
  #admitHelloOf(other: MemoryTransport, go: () => void): void {
    const hello = other.#helloTo(this);
    const { logger } = this.#options;
    const meeting: HelloContext = {
      logger,
      link: (node) => this.link(node),
      probe: (node, report) => {
        this.probe(node, report);
      },
      dropLink: (node) => {
        this.refuse(node, { reason: 'silent', detail: '' });
      },
      checkMembership: this.#events?.checkMembership?.bind(this.#events),
      validateHello: this.#events?.validateHello?.bind(this.#events),
    };
    const decide = (refused: LinkRefusal | undefined): void => {
      if (refused === undefined) {
        go();
        return;
      }
      this.#counters.refused[refused.reason] += 1;
      if (refused.reason === 'duplicate-node') other.#refusedAsDuplicate(this.id);
    };
    if (isRouter(this.id)) go();
    else admitHello(hello, meeting, decide);
  }

  #linkTo(other: MemoryTransport): void {
    const version = commonVersion(this.#protocol.versions, other.#protocol.versions);
    const [mine, theirs] = [this.#helloTo(other), other.#helloTo(this)];
    if (version === undefined || this.#events?.finalCheck?.(theirs) !== undefined) return;
    if (other.#events?.finalCheck?.(mine) !== undefined) return;
    for (const [end, peer] of [
      [this, other.id],
      [other, this.id],
    ] as const) {
      const before = end.#links.get(peer)?.other;
      if (before !== undefined) end.#disconnect(before);
    }
    this.#links.set(other.id, { info: linkInfo(theirs, version), other });
    other.#links.set(this.id, { info: linkInfo(mine, version), other: this });
    this.notifyLink(other.id, true);
    other.notifyLink(this.id, true);
  }

  #refusedAsDuplicate(by: PeerId): void {
    const generation = this.#generation;
    this.#network.later(() => {
      if (this.running && generation === this.#generation) this.#events?.onDuplicate?.(by);
    });
  }

  #helloTo(other: MemoryTransport): Hello {
    const [from, to] = [nodeOrNone(this.id), nodeOrNone(other.id)];
    const extension = this.#events?.helloTo?.(to) ?? {};
    const role = from === 0 ? 'router' : 'node';
    return { role, from, to, incarnation: this.#incarnation, clusterId: '', ...this.#protocol, extension };
  }

  /** @internal */
  stop(): void {
    if (!this.running) return;
    for (const { other } of this.#links.values()) other.onDisconnected(this);
    this.#links.clear();
    this.running = false;
    this.#generation += 1;
    this.#queues.clear();
    this.#unflushed = [];
  }

  /** Ends the link on both sides. */
  #disconnect(other: MemoryTransport): void {
    other.onDisconnected(this);
    this.onDisconnected(other);
  }

  /** @internal The other side is gone. */
  onDisconnected(other: MemoryTransport): void {
    if (!this.#isLinked(other)) return;
    const peer = other.id;
    this.#links.delete(peer);
    // Queued messages were encoded for the protocol version of a link that is gone.
    this.#counters.droppedQueued += this.#queues.get(peer)?.length ?? 0;
    this.#queues.delete(peer);
    this.notifyLink(peer, false);
  }

  /** @internal Notifies the owner, deferred, that a link went up or down. */
  notifyLink(peer: PeerId, up: boolean): void {
    const generation = this.#generation;
    this.#network.later(() => {
      // A killed endpoint gets no notification; `resume` sends those that it missed.
      if (!this.running || (generation !== this.#generation && up)) return;
      if (up === this.#up.has(peer)) return;
      if (up) this.#up.add(peer);
      else this.#up.delete(peer);
      this.#events?.onLink(peer, up);
    });
  }

  #deliver(to: PeerId): void {
    const frame = this.#queues.get(to)?.take();
    const target = this.#links.get(to)?.other;
    if (frame === undefined || target === undefined) {
      this.#counters.droppedQueued += frame?.messages.length ?? 0;
      return;
    }
    const { messages, bytes } = frame;
    const generations = [this.#generation, target.#generation] as const;
    this.#counters.framesOut += 1;
    this.#counters.messagesOut += messages.length;
    this.#counters.bytesOut += bytes?.length ?? 0;
    this.#network.later(() => {
      if (generations[0] === this.#generation && generations[1] === target.#generation)
        target.#receive(this, messages, bytes);
    });
  }

  #decode(from: PeerId, bytes: Uint8Array): readonly PeerMessage[] {
    return decodeFrame(bytes, this.#links.get(from)?.info.version).messages;
  }

  #receive(sender: MemoryTransport, sent: readonly PeerMessage[], bytes: Uint8Array | undefined): void {
    const from = sender.id;
    // Messages in flight when a link ends are lost with it.
    if (!this.#isLinked(sender)) return;
    const arrived = bytes === undefined ? sent : this.#decode(from, bytes);
    const messages = this.#network.filterDropped(sender.place, this.place, arrived);
    if (messages.length === 0) return;
    this.#counters.framesIn += 1;
    this.#counters.messagesIn += messages.length;
    this.#counters.bytesIn += bytes?.length ?? 0;
    this.#events?.onMessages(from, messages);
  }
}
