/**
 * The network between processes, in virtual time, through the production wire format: frames take time and may be lost;
 * consensus messages are also lost singly, duplicated, and reordered. Links break and are re-established.
 *
 * One link keeps the order of requests and answers, as TCP does; what a partition holds is lost, and after a break
 * nothing of what was under way arrives. The given rules decide which links are cut.
 */
import {
  PROTOCOL,
  ROUTER_PEERS,
  SYSTEM_GROUP,
  decodeFrame,
  linkInfo,
  type NodeId,
  type PeerId,
  type PeerMessage,
  type ProbeCallback,
  type Protocol,
  type LinkRefusal,
} from '../shard/index.js';
import type { NetworkParameters } from './scenario.js';
import { NarrowLink } from './narrow-link.js';
import { UnderWay } from './under-way.js';
import type { Random } from '../random.js';
import type { Incarnation, Scheduler } from './scheduler.js';
import { dials, greet } from './virtual-handshake.js';
import { LaneLink } from './lane-link.js';
import { nodeOrRouter, VirtualTransport, type Wire } from './virtual-transport.js';

/** What a fault does to the traffic from one peer to another. */
export interface LinkEffect {
  readonly cut?: boolean;
  readonly delayMs?: number;
  /** Applies to frames, so that more than consensus messages is lost. */
  readonly lossProbability?: number;
  /** Neither topologies nor messages of group 0 arrive. */
  readonly withholdsTopology?: boolean;
}

export type LinkRule = (from: PeerId, to: PeerId) => LinkEffect | undefined;

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly parameters: NetworkParameters;
  /** Called with every message that is sent. */
  readonly onSend: (from: PeerId, to: PeerId, message: PeerMessage) => void;
  /** Called with every frame that arrives. */
  readonly onArrival: (from: PeerId, to: PeerId, bytes: number) => void;
  /** Two ends have exchanged hellos and are linked in `version`. */
  readonly onLinked: (dialler: PeerId, acceptor: PeerId, version: number) => void;
  readonly onRefused: (by: PeerId, whom: PeerId, refused: LinkRefusal) => void;
  /** Exactly one of the ends is a stray. */
  readonly onStrayLinked: (dialler: PeerId, acceptor: PeerId) => void;
  /** Part of a large message is held back at its sender, so that urgent messages can pass. */
  readonly onPassed: () => void;
  /** On a link that loses nothing, something large was sent again while its first copy was still on its way. */
  readonly onRepeated: (from: PeerId, to: PeerId, what: string) => void;
}

/** Delay after which the other end learns that the process at one end is gone, if it does. */
const RESET_MS = 1;

export class VirtualNetwork {
  readonly #options: NetworkOptions;
  readonly #endpoints = new Map<PeerId, VirtualTransport>();
  /** Processes with the id of a node, at an address that the nodes do not know. */
  readonly #strays = new Set<VirtualTransport>();
  readonly #rules = new Map<object, LinkRule>();
  /** By `from * 2^21 + to`: when the last frame in order arrives. */
  readonly #lastArrival = new Map<number, number>();
  #incarnations = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The transport of a peer's new incarnation; `protocol`: what its build supports. */
  transport(id: PeerId, incarnation: Incarnation, protocol: Protocol = PROTOCOL): VirtualTransport {
    const earlier = this.#endpoints.get(id);
    if (earlier !== undefined) this.died(earlier, RESET_MS);
    const transport = new VirtualTransport(this, id, { incarnation, protocol, incarnationId: ++this.#incarnations });
    this.#endpoints.set(id, transport);
    return transport;
  }

  /** A process outside the cluster, which dials its nodes; or, `at` its node's address, is dialled by them. */
  strayTransport(id: PeerId, incarnation: Incarnation, at: 'elsewhere' | 'its-address'): VirtualTransport {
    if (at === 'its-address') {
      const transport = this.transport(id, incarnation);
      this.#strays.add(transport);
      return transport;
    }
    const transport = new VirtualTransport(this, id, {
      incarnation,
      protocol: PROTOCOL,
      incarnationId: ++this.#incarnations,
    });
    this.#strays.add(transport);
    return transport;
  }

  addRule(owner: object, rule: LinkRule): void {
    this.#rules.set(owner, rule);
  }

  removeRule(owner: object): void {
    this.#rules.delete(owner);
  }

  /** Whether a rule affects the traffic between this peer and one of `others` at present. */
  isTroubled(id: PeerId, others: readonly PeerId[]): boolean {
    for (const rule of this.#rules.values()) {
      for (const other of others) if (rule(id, other) !== undefined || rule(other, id) !== undefined) return true;
    }
    return false;
  }

  /** Whether messages arrive in both directions. */
  isWhole(a: PeerId, b: PeerId): boolean {
    return !this.#isCut(a, b) && !this.#isCut(b, a);
  }

  /** The other peers' links to it break after `afterMs`; undefined = not before its next incarnation. */
  died(transport: VirtualTransport, afterMs: number | undefined): void {
    if (afterMs === undefined || transport.buried) return;
    transport.buried = true;
    this.#options.scheduler.after(afterMs, undefined, () => {
      if (transport.incarnation.ended) this.#strays.delete(transport);
      for (const other of this.#endpoints.values()) if (other !== transport) other.unlink(transport);
    });
  }

  /** Breaks the links between any two of `ids` (all, if left out); they are re-established. */
  resetLinks(ids: ReadonlySet<PeerId> | undefined): void {
    const chosen = [...this.#endpoints.values()].filter(({ id }) => ids === undefined || ids.has(id));
    for (const a of chosen) {
      for (const b of chosen) {
        if (a.id >= b.id || !a.isLinked(b)) continue;
        a.unlink(b);
        b.unlink(a);
        this.#options.scheduler.after(RESET_MS, undefined, () => {
          this.#link(a, b);
        });
      }
    }
  }

  /** @internal A peer has started. */
  joined(self: VirtualTransport): void {
    const hasAddress = (end: VirtualTransport): boolean => this.#endpoints.get(end.id) === end;
    for (const other of this.#endpoints.values()) {
      if (other.id === self.id) continue;
      // A process without an address that the others know can only dial.
      if (hasAddress(self) || dials(self.id, other.id)) this.#dial(self, other, this.#delay());
    }
    for (const stray of this.#strays) {
      if (!hasAddress(stray) && stray !== self && dials(stray.id, self.id)) this.#dial(stray, self, this.#delay());
    }
  }

  /** A cut or refused link is not established: the dialler tries again. */
  #dial(self: VirtualTransport, other: VirtualTransport, afterMs: number): void {
    this.#options.scheduler.after(afterMs, undefined, () => {
      if (self.incarnation.ended || other.incarnation.ended) return;
      const isCut = this.#isCut(self.id, other.id) || this.#isCut(other.id, self.id);
      if (isCut) this.#dial(self, other, DIAL_AGAIN_MS);
      else this.#link(self, other);
    });
  }

  #link(a: VirtualTransport, b: VirtualTransport): void {
    const isRouter = (id: PeerId): boolean => id >= ROUTER_PEERS;
    if (isRouter(a.id) && isRouter(b.id)) return;
    if (!a.running || !b.running || a.isLinked(b)) return;
    const [dialler, acceptor] = dials(a.id, b.id) ? [a, b] : [b, a];
    if (this.#isAnotherMatter(dialler, acceptor)) {
      this.#dial(dialler, acceptor, REFUSED_AGAIN_MS);
      return;
    }
    acceptor.examine(dialler, () => {
      dialler.examine(acceptor, () => {
        this.#welcome(dialler, acceptor);
      });
    });
  }

  /**
   * Links between strays belong to another cluster, which is not checked here; and a router that has no cluster yet
   * joins the first that it meets: its operator has to give it an address of the right one.
   */
  #isAnotherMatter(dialler: VirtualTransport, acceptor: VirtualTransport): boolean {
    if (!this.#strays.has(acceptor)) return false;
    const knowsNothing = dialler.id >= ROUTER_PEERS && dialler.helloTo(acceptor.id).extension.clusterUid === undefined;
    return knowsNothing || this.#strays.has(dialler);
  }

  #welcome(dialler: VirtualTransport, acceptor: VirtualTransport): void {
    if (!dialler.running || !acceptor.running || dialler.isLinked(acceptor)) return;
    const greeting = greet(dialler, acceptor, this.#members());
    if ('refused' in greeting) {
      this.refused(acceptor, dialler, greeting.refused);
      return;
    }
    const { ofDialler, ofAcceptor, version } = greeting;
    this.#options.onLinked(dialler.id, acceptor.id, version);
    if (this.#strays.has(dialler) !== this.#strays.has(acceptor)) {
      this.#options.onStrayLinked(dialler.id, acceptor.id);
    }
    acceptor.linkUp(dialler, linkInfo(ofDialler, version));
    dialler.linkUp(acceptor, linkInfo(ofAcceptor, version));
  }

  /** @internal One side has refused the other, for good or not: the dialler tries again. */
  refused(by: VirtualTransport, whom: VirtualTransport, refused: LinkRefusal): void {
    this.#options.onRefused(by.id, whom.id, refused);
    if (refused.reason === 'duplicate-node') whom.refusedAsDuplicate(by.id);
    const [dialler, acceptor] = dials(by.id, whom.id) ? [by, whom] : [whom, by];
    this.#dial(dialler, acceptor, REFUSED_AGAIN_MS);
  }

  #members(): ReadonlyMap<NodeId, string> {
    return new Map([...this.#endpoints.keys()].filter((id) => id < ROUTER_PEERS).map((id) => [id, '']));
  }

  /** @internal Whether the process at the other end answers in time: not while it is paused, or cut off. */
  probe(from: VirtualTransport, to: VirtualTransport | undefined, onResult: ProbeCallback): void {
    const { scheduler } = this.#options;
    let isReported = false;
    const end = (isAlive: boolean): void => {
      if (!isReported) onResult(isAlive);
      isReported = true;
    };
    if (to === undefined || to.incarnation.ended) {
      this.soon(from.incarnation, () => {
        end(false);
      });
      return;
    }
    scheduler.after(PROBE_TIMEOUT_MS, from.incarnation, () => {
      end(false);
    });
    if (this.#isCut(from.id, to.id)) return;
    scheduler.after(this.#delay(), to.incarnation, () => {
      if (this.#isCut(to.id, from.id)) return;
      scheduler.after(this.#delay(), from.incarnation, () => {
        end(true);
      });
    });
  }

  /** @internal A frame is sent. */
  carry(from: VirtualTransport, to: PeerId, bytes: Uint8Array): void {
    const target = from.peer(to);
    if (target === undefined) return;
    const { random, parameters, scheduler } = this.#options;
    const { now } = scheduler;
    const effect = this.#effect(from.id, to);
    if (effect.cut || random.chance(effect.lossProbability)) return;
    const keepsRaft = parameters.lossProbability === 0 || !random.chance(parameters.lossProbability);
    const delayMs = this.#delay() + effect.delayMs;
    if (keepsRaft && parameters.reorderProbability > 0 && random.chance(parameters.reorderProbability)) {
      this.#arriveAt(now + delayMs + this.#delay() * OVERTAKEN_BY, from, target, bytes, 'raft');
      this.#arriveInOrder(delayMs, from, target, bytes, 'rest');
    } else {
      this.#arriveInOrder(delayMs, from, target, bytes, keepsRaft ? 'all' : 'rest');
    }
    if (parameters.duplicateProbability > 0 && random.chance(parameters.duplicateProbability)) {
      this.#arriveAt(now + delayMs + this.#delay() * OVERTAKEN_BY, from, target, bytes, 'raft');
    }
  }

  #arriveInOrder(delayMs: number, from: VirtualTransport, to: VirtualTransport, bytes: Uint8Array, part: Part): void {
    const { now } = this.#options.scheduler;
    const link = from.id * 2 ** 21 + to.id;
    const at = Math.max(now + delayMs, this.#lastArrival.get(link) ?? 0);
    this.#lastArrival.set(link, at);
    this.#arriveAt(at, from, to, bytes, part);
  }

  #arriveAt(at: number, from: VirtualTransport, to: VirtualTransport, bytes: Uint8Array, part: Part): void {
    const generation = to.generation(from);
    // Sent by an earlier incarnation of a process that has linked again since.
    if (generation === 0) return;
    const version = to.link(from.id)?.version;
    this.#options.scheduler.at(at, to.incarnation, () => {
      if (to.generation(from) !== generation) return;
      const frame = part === 'wire' ? to.wire(from.id)?.lanes.arrived(bytes) : bytes;
      if (frame === undefined) return;
      const { messages: all } = decodeFrame(frame, version);
      if (part === 'wire') for (const message of all) from.wire(to.id)?.underWay.arrived(message);
      const messages = this.#effect(from.id, to.id).withholdsTopology ? all.filter((one) => !isOfTopology(one)) : all;
      const arriving =
        part === 'all' || part === 'wire'
          ? messages
          : messages.filter(({ type }) => (type === 'raft') === (part === 'raft'));
      if (arriving.length === 0) return;
      this.#options.onArrival(from.id, to.id, bytes.length);
      to.receive(from.id, arriving);
    });
  }

  /** @internal */
  sent(from: VirtualTransport, to: PeerId, message: PeerMessage): void {
    // Strays may send to each other.
    if (!this.#strays.has(from)) this.#options.onSend(from.id, to, message);
  }

  /** @internal */
  repeated(from: PeerId, to: PeerId, what: string): void {
    this.#options.onRepeated(from, to, what);
  }

  /** @internal The state of a new narrow link; undefined = unlimited bandwidth. */
  wire(from: VirtualTransport, to: VirtualTransport, version: number): Wire | undefined {
    const { scheduler, parameters } = this.#options;
    if (parameters.narrow === undefined) return undefined;
    const narrow = new NarrowLink({
      scheduler,
      ...parameters.narrow,
      // A partition holds bytes until it ends; losses become retransmissions, and so a slower link.
      slowness: () => {
        const { cut, lossProbability } = this.#effect(from.id, to.id);
        return cut ? Infinity : 1 / (1 - lossProbability);
      },
      onSilent: () => {
        this.#break(from, to);
      },
    });
    const lanes = new LaneLink({
      ends: { from: nodeOrRouter(from.id), to: nodeOrRouter(to.id) },
      version,
      now: () => scheduler.now,
      measureEveryMs: parameters.narrow.measureEveryMs,
      waiting: () => narrow.waiting,
      put: (bytes) => {
        const delayMs = this.#delay() + this.#effect(from.id, to.id).delayMs;
        narrow.send(bytes.length, () => {
          this.#arriveInOrder(delayMs, from, to, bytes, 'wire');
        });
      },
      onPassed: this.#options.onPassed,
    });
    return { narrow, lanes, underWay: new UnderWay() };
  }

  /** Both sides give up the link, and it is dialled again. */
  #break(a: VirtualTransport, b: VirtualTransport): void {
    if (!a.isLinked(b)) return;
    a.unlink(b);
    b.unlink(a);
    this.#dial(a, b, RESET_MS);
  }

  /** @internal */
  soon(incarnation: Incarnation, task: () => void): void {
    this.#options.scheduler.after(0, incarnation, task);
  }

  #delay(): number {
    const { random, parameters } = this.#options;
    return parameters.delayMs - parameters.jitterMs * Math.log(1 - random.next());
  }

  #isCut(from: PeerId, to: PeerId): boolean {
    return this.#effect(from, to).cut;
  }

  #effect(from: PeerId, to: PeerId): Required<LinkEffect> {
    if (this.#rules.size === 0) return NO_EFFECT;
    let cut = false;
    let delayMs = 0;
    let lossProbability = 0;
    let withholdsTopology = false;
    for (const rule of this.#rules.values()) {
      const effect = rule(from, to);
      if (effect === undefined) continue;
      cut ||= effect.cut === true;
      delayMs += effect.delayMs ?? 0;
      lossProbability = Math.max(lossProbability, effect.lossProbability ?? 0);
      withholdsTopology ||= effect.withholdsTopology === true;
    }
    return { cut, delayMs, lossProbability, withholdsTopology };
  }
}

/** Part of a frame that arrives; or `wire`: a message of a socket, which may be a piece of a frame. */
type Part = 'all' | 'raft' | 'rest' | 'wire';

const NO_EFFECT = { cut: false, delayMs: 0, lossProbability: 0, withholdsTopology: false };
const isOfTopology = (message: PeerMessage): boolean =>
  message.type === 'topology' || (message.type === 'raft' && message.group === SYSTEM_GROUP);
const DIAL_AGAIN_MS = 50;
/** As long as a silent link is kept. */
const PROBE_TIMEOUT_MS = 3_000;
const REFUSED_AGAIN_MS = 200;
/** How much later, in delays, an overtaken message arrives. */
const OVERTAKEN_BY = 8;
