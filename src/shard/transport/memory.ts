/**
 * The transport inside one process: any number of nodes and routers, and a network that can be cut, for tests and
 * simulations.
 *
 * Messages are passed as objects, unless `encode` is set: neither sender nor receiver may change a message that was
 * sent. Delivery goes through `runtime.defer`, so no handler is ever called from within a `send` or `flush`; the
 * runtime decides the delay.
 */
import type { NodeId } from '../../raft/index.js';
import { MemoryTransport } from './memory-endpoint.js';
import { isRouter } from './memory-queue.js';
import { PROTOCOL, type Protocol } from './protocol.js';
import { silentLogger, type Logger, type Runtime } from '../runtime.js';
import { ROUTER_PEERS, type PeerId, type PeerMessage } from './transport.js';

export { MemoryTransport } from './memory-endpoint.js';

/** True = the message is dropped. */
export type DropRule = (from: PeerId, to: PeerId, message: PeerMessage) => boolean;

export interface MemoryNetworkOptions {
  /** Send everything through the wire format. */
  readonly encode?: boolean;
  /** Messages queued for one peer and not yet flushed; more are dropped. Default 65,536. */
  readonly maxQueuedMessages?: number;
  readonly logger?: Logger;
}

/** First `place` of copies. */
const COPIES = 2 * ROUTER_PEERS;

export class MemoryNetwork {
  readonly #runtime: Pick<Runtime, 'defer'>;
  readonly #options: Required<MemoryNetworkOptions>;
  readonly #endpoints = new Map<PeerId, MemoryTransport>();
  /** Further processes under the name of a node. */
  readonly #copies: MemoryTransport[] = [];
  #routers = 0;
  #incarnations = 0;
  #pending: (() => void)[] = [];

  #groupOf = new Map<PeerId, number>();
  readonly #isolated = new Set<PeerId>();
  readonly #cuts = new Map<PeerId, Set<PeerId>>();
  #dropRule: DropRule | undefined;

  constructor(runtime: Pick<Runtime, 'defer'>, options: MemoryNetworkOptions = {}) {
    this.#runtime = runtime;
    this.#options = { encode: false, maxQueuedMessages: 65_536, logger: silentLogger, ...options };
  }

  /** The transport of a node. After `kill` or `close` of an earlier one, this is the node's next incarnation. */
  node(id: NodeId, protocol: Protocol = PROTOCOL): MemoryTransport {
    if (this.#endpoints.get(id)?.running === true) throw new Error(`node ${id} is running`);
    return this.#attach(id, protocol);
  }

  /**
   * One more process under the name of a node that may be running. For partitions, isolation and cuts its name is its
   * `place`. When it starts, or at a `heal`, it links to all endpoints that it can reach in both directions.
   */
  copy(id: NodeId, protocol: Protocol = PROTOCOL): MemoryTransport {
    const copy = new MemoryTransport(this, { id, place: COPIES + this.#copies.length }, this.#options, protocol);
    this.#copies.push(copy);
    return copy;
  }

  /** The transport of one more router. All nodes know it by the same peer id. */
  router(protocol: Protocol = PROTOCOL): MemoryTransport {
    return this.#attach(ROUTER_PEERS + this.#routers++, protocol);
  }

  /** Silently drops messages between different groups. Peers in no group form one more group. */
  partition(groups: readonly (readonly PeerId[])[]): void {
    this.#groupOf = new Map(groups.flatMap((group, i) => group.map((id) => [id, i] as const)));
  }

  /** Silently drops messages to or from `id`. */
  isolate(id: PeerId): void {
    this.#isolated.add(id);
  }

  /** Silently drops messages from `from` to `to`; the other direction stays open. */
  cut(from: PeerId, to: PeerId): void {
    const cut = this.#cuts.get(from) ?? new Set();
    this.#cuts.set(from, cut.add(to));
  }

  /** Breaks the link between two nodes, which is then established again. */
  breakLink(a: NodeId, b: NodeId): void {
    const end = this.#endpoints.get(a);
    end?.refuse(b, { reason: 'silent', detail: 'it was broken' });
    end?.connectAll();
  }

  /** Ends every partition, isolation and cut, and links endpoints that are not linked. A drop rule stays. */
  heal(): void {
    this.#groupOf.clear();
    this.#isolated.clear();
    this.#cuts.clear();
    for (const endpoint of [...this.#endpoints.values(), ...this.#copies]) if (endpoint.running) endpoint.connectAll();
  }

  /** Drops every message for which `rule` is true; undefined ends that. */
  dropWhen(rule: DropRule | undefined): void {
    this.#dropRule = rule;
  }

  /** Stops a node as `kill -9` does: it receives nothing more, the others see their links go down. */
  kill(id: PeerId): void {
    this.#endpoints.get(id)?.stop();
  }

  /** The killed transport resumes, as after a pause in which all its links broke. */
  revive(id: PeerId): void {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined || endpoint.running) throw new Error(`node ${id} was not killed`);
    endpoint.resume();
  }

  /** @internal For `MemoryTransport`: the endpoints that one that has just started links to. */
  reachable(self: MemoryTransport): MemoryTransport[] {
    const all = [...this.#endpoints.values(), ...this.#copies];
    const others = all.filter(({ id, running }) => id !== self.id && running);
    return others.filter((other) => {
      if (isRouter(self.id) && isRouter(other.id)) return false;
      // A router dials a node at a known place, and keeps that link.
      if (isRouter(self.id) && self.link(other.id) !== undefined) return false;
      if (isRouter(other.id) && other.link(self.id) !== undefined) return false;
      // All other links are up from the start, and a cut only loses messages.
      const isFree = self.place < COPIES && other.place < COPIES;
      return isFree || (this.canDeliver(self.place, other.place) && this.canDeliver(other.place, self.place));
    });
  }

  /** @internal The incarnation of a process that has just begun. */
  nextIncarnation(): number {
    return ++this.#incarnations;
  }

  /** @internal Runs `task` later, in the order of the calls, all in one deferred run. */
  later(task: () => void): void {
    if (this.#pending.push(task) > 1) return;
    this.#runtime.defer(() => {
      const tasks = this.#pending;
      this.#pending = [];
      for (const run of tasks) run();
    });
  }

  /** @internal The messages of a frame that arrive. */
  filterDropped(from: PeerId, to: PeerId, messages: readonly PeerMessage[]): readonly PeerMessage[] {
    if (!this.canDeliver(from, to)) return [];
    const rule = this.#dropRule;
    return rule === undefined ? messages : messages.filter((message) => !rule(from, to, message));
  }

  /** @internal */
  canDeliver(from: PeerId, to: PeerId): boolean {
    const apart = this.#groupOf.get(from) !== this.#groupOf.get(to);
    return !apart && !this.#isolated.has(from) && !this.#isolated.has(to) && this.#cuts.get(from)?.has(to) !== true;
  }

  #attach(id: PeerId, protocol: Protocol): MemoryTransport {
    const endpoint = new MemoryTransport(this, { id, place: id }, this.#options, protocol);
    this.#endpoints.set(id, endpoint);
    return endpoint;
  }
}
