/**
 * The leader of each shard as far as this router has seen, and the node to ask next.
 *
 * Only replicas that the topology names are returned, whatever a node claimed.
 */
import type { NodeId } from '../../shard/index.js';
import type { Backend } from './backend.js';

export interface LeaderQuery {
  /** Named by the node that was asked last. */
  readonly hint: NodeId | undefined;
  /** Asked in this round already. */
  readonly tried: readonly NodeId[];
  /** A stale read: any replica will do, best the one in this process. */
  readonly anyReplica: boolean;
}

const NOBODY: readonly NodeId[] = [];

export class LeaderCache {
  readonly #backend: Backend;
  #seen: (NodeId | undefined)[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
    backend.onTopology(() => {
      this.#seen = [];
    });
  }

  recordLeader(shard: number, node: NodeId): void {
    if (this.#seen[shard] !== node && this.#replicas(shard).includes(node)) this.#seen[shard] = node;
  }

  invalidate(shard: number, node: NodeId): void {
    if (this.#seen[shard] === node) this.#seen[shard] = undefined;
  }

  of(shard: number): NodeId | undefined {
    const node = this.#backend.leaderOf(shard) ?? this.#seen[shard];
    return node !== undefined && this.#replicas(shard).includes(node) ? node : undefined;
  }

  /**
   * The best live replica that was not tried in this round; undefined when all were. Dead ones are asked only if none
   * is alive: a write sent to a dead node would end with an unknown outcome.
   */
  next(shard: number, choice: LeaderQuery): NodeId | undefined {
    const replicas = this.#replicas(shard);
    const usable = (node: NodeId | undefined): node is NodeId =>
      node !== undefined && replicas.includes(node) && !choice.tried.includes(node) && this.#backend.alive(node);
    if (choice.anyReplica) {
      const { self } = this.#backend;
      if (usable(self)) return self;
    } else {
      if (usable(choice.hint)) return choice.hint;
      const known = this.#backend.leaderOf(shard);
      if (usable(known)) return known;
      const seen = this.#seen[shard];
      if (usable(seen)) return seen;
    }
    // The first replica of a shard is its preferred leader.
    const live = replicas.find(usable);
    if (live !== undefined || replicas.some((node) => this.#backend.alive(node))) return live;
    return replicas.find((node) => !choice.tried.includes(node));
  }

  #replicas(shard: number): readonly NodeId[] {
    return this.#backend.topology()?.shards[shard] ?? NOBODY;
  }
}
