/**
 * Detects two processes under one node id that are linked to different peers: the original to one, a copy to another.
 *
 * A node that is linked to only one of them cannot see the other, so nodes that share a group query each other:
 *
 *  - before a node accepts a process other than the one linked last, it asks all peers whether another live process of
 *    that node is linked to them. If one confirms, the new one is refused, as if both were linked here
 *    (`duplicates.ts`);
 *  - when a link comes up (to a node that two of them are linked to, or between two of them), each side is asked about
 *    the process that the other has. So two processes that were accepted on both sides of a partition are found when it
 *    ends.
 *
 * The peer that is asked probes its process after the question, and confirms if that is alive; then the asking node
 * probes its own. That one was linked before the question and is alive after the answer, so both were alive at one
 * moment in between. The later of them is refused by every node that is linked to it.
 *
 * The wait for a peer that is cut off ends when its link does. Builds of protocol version 1 are not asked at all.
 */
import type { NodeId } from '../../raft/index.js';
import {
  duplicateNode,
  type Hello,
  isLater,
  type PeerId,
  type PeerMessage,
  ROUTER_PEERS,
  type Transport,
  TWO_PROCESSES,
  type HelloDecision,
} from '../transport/index.js';
import type { Logger, Runtime, Timer } from '../runtime.js';
/** The first protocol version with these questions. */
const FIRST_VERSION = 2;
/** Time for an answer: a peer probes its own link first, which takes at most as long as a silent link lasts. */
const ANSWER_MS = 3_000;

export type ProcessQuestion = Extract<PeerMessage, { type: 'process-question' }>;
export type ProcessAnswer = Extract<PeerMessage, { type: 'process-answer' }>;

export interface DuplicateWatchOptions {
  readonly transport: Pick<Transport, 'send' | 'flush' | 'link' | 'probe' | 'refuse'>;
  readonly runtime: Pick<Runtime, 'after' | 'defer'>;
  readonly logger: Logger;
  /** Nodes that share a group with this one. */
  readonly peers: () => readonly NodeId[];
  readonly isDead: (id: NodeId) => boolean;
  /** The process of the node that was linked here last. */
  readonly lastProcess: (id: NodeId) => number | undefined;
}

/** A hello that waits for the peers' answers. */
interface Inquiry {
  readonly node: NodeId;
  readonly process: number;
  readonly asked: Set<NodeId>;
  readonly decide: HelloDecision;
  readonly timer: Timer;
}

export class DuplicateWatch {
  readonly #options: DuplicateWatchOptions;
  #inquiries: Inquiry[] = [];
  /** Per node, the peers that were asked back about its process while the link to it is up; each is asked once. */
  readonly #askedBack = new Map<NodeId, Set<PeerId>>();

  constructor(options: DuplicateWatchOptions) {
    this.#options = options;
  }

  /** `TransportEvents.examine` */
  examine({ role, from, extension: { process } }: Hello, decide: HelloDecision): void {
    const { runtime, transport, isDead, lastProcess } = this.#options;
    const isKnown = role === 'router' || process === undefined || lastProcess(from) === process;
    const asked = isKnown ? [] : this.#linkedPeers(from).filter((id) => !isDead(id));
    if (process === undefined || asked.length === 0) {
      decide(undefined);
      return;
    }
    for (const peer of asked) transport.send(peer, { type: 'process-question', node: from, process });
    const timer = runtime.after(ANSWER_MS, () => {
      this.#end(inquiry, undefined);
    });
    const inquiry = { node: from, process, asked: new Set(asked), decide, timer };
    this.#inquiries.push(inquiry);
    transport.flush();
  }

  /** Called in a turn. */
  onLink(peer: PeerId, up: boolean): void {
    if (peer >= ROUTER_PEERS) return;
    this.#askedBack.delete(peer);
    if (!up) {
      for (const inquiry of [...this.#inquiries]) this.#noteAnswer(inquiry, peer);
      return;
    }
    if (!this.#options.peers().includes(peer)) return;
    for (const other of this.#linkedPeers(peer)) {
      this.#ask(other, peer);
      this.#ask(peer, other);
    }
  }

  /** Ends the wait for a peer that has been silent for an election timeout. */
  onPeerDead(peer: NodeId): void {
    for (const inquiry of [...this.#inquiries]) this.#noteAnswer(inquiry, peer);
  }

  /** Called in a turn, like `onAnswer`. */
  onQuestion(from: PeerId, { node, process }: ProcessQuestion): void {
    const { transport } = this.#options;
    if (from >= ROUTER_PEERS) return;
    const link = transport.link(node);
    const mine = link?.extension.process;
    const answer = { type: 'process-answer', node, process } as const;
    if (link === undefined || mine === undefined || mine === process) {
      transport.send(from, answer);
      return;
    }
    transport.probe(node, (isAlive) => {
      const other = { process: mine, incarnation: link.incarnation };
      transport.send(from, isAlive ? { ...answer, other } : answer);
      if (isAlive) this.#askBack(from, node);
      transport.flush();
    });
  }

  onAnswer(from: PeerId, { node, process, other }: ProcessAnswer): void {
    for (const inquiry of [...this.#inquiries]) {
      if (inquiry.node !== node || inquiry.process !== process) continue;
      if (other === undefined) this.#noteAnswer(inquiry, from);
      else {
        this.#report(node, process, other.process, from);
        this.#end(inquiry, duplicateNode(node));
      }
    }
    const { transport } = this.#options;
    const link = transport.link(node);
    if (other === undefined || link?.extension.process !== process) return;
    transport.probe(node, (isAlive) => {
      if (!isAlive || transport.link(node) !== link) return;
      this.#report(node, process, other.process, from);
      if (isLater({ process, incarnation: link.incarnation }, other)) transport.refuse(node, duplicateNode(node));
    });
  }

  /** Asks back, which also tells the peer about the process that is linked here. */
  #askBack(peer: PeerId, node: NodeId): void {
    const asked = this.#askedBack.get(node) ?? new Set();
    this.#askedBack.set(node, asked);
    if (!asked.has(peer)) this.#ask(peer, node);
    asked.add(peer);
  }

  /** Asks `peer` whether a process of `node` other than the one linked here is linked to it. */
  #ask(peer: PeerId, node: NodeId): void {
    const { transport } = this.#options;
    const process = transport.link(node)?.extension.process;
    if (process !== undefined && this.#canAsk(peer)) transport.send(peer, { type: 'process-question', node, process });
  }

  #linkedPeers(except: NodeId): NodeId[] {
    return this.#options.peers().filter((id) => id !== except && this.#canAsk(id));
  }

  /** The peer is linked, and its build can read a question. */
  #canAsk(peer: PeerId): boolean {
    return (this.#options.transport.link(peer)?.version ?? 0) >= FIRST_VERSION;
  }

  /** `from` has no other process linked, or will not answer. */
  #noteAnswer(inquiry: Inquiry, from: PeerId): void {
    if (inquiry.asked.delete(from) && inquiry.asked.size === 0) this.#end(inquiry, undefined);
  }

  #end(inquiry: Inquiry, refused: Parameters<HelloDecision>[0]): void {
    if (!this.#inquiries.includes(inquiry)) return;
    this.#inquiries = this.#inquiries.filter((other) => other !== inquiry);
    inquiry.timer.cancel();
    // Deferred, because a link begins between turns.
    this.#options.runtime.defer(() => {
      inquiry.decide(refused);
    });
  }

  #report(node: NodeId, process: number, other: number, peer: PeerId): void {
    this.#options.logger.error({ peer: node, process, other, otherIsAt: peer }, TWO_PROCESSES);
  }
}
