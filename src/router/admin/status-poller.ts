/**
 * Which node leads a shard, for operators: only a node that answered, and reports itself as leader.
 *
 * The dispatcher's leader cache is for routing, where a wrong entry costs a retry; what an operator sees must not be a
 * guess.
 */
import { groupOfShard, type GroupStatus, type NodeId, type NodeStatus, type Topology } from '../../shard/index.js';
import type { Backend } from '../dispatch/index.js';

export type Statuses = ReadonlyMap<NodeId, NodeStatus | undefined>;

/** The shard's status at each replica that answered. */
export function replicasOf(statuses: Statuses, topology: Topology, shard: number): Map<NodeId, GroupStatus> {
  const groups = new Map<NodeId, GroupStatus>();
  for (const node of topology.shards[shard] ?? []) {
    const group = statuses.get(node)?.groups.find((each) => each.group === groupOfShard(shard));
    if (group !== undefined) groups.set(node, group);
  }
  return groups;
}

export const highestTerm = (groups: Iterable<GroupStatus>): number =>
  [...groups].reduce((highest, { raft }) => Math.max(highest, raft.term), 0);

/** Two replicas may both report as leader; the one with the higher term is right. */
export function leaderAmong(groups: ReadonlyMap<NodeId, GroupStatus>): NodeId | undefined {
  const term = highestTerm(groups.values());
  return [...groups].find(([, { raft }]) => raft.role === 'leader' && raft.term === term)?.[0];
}

/** Polls all nodes for their status; concurrent callers share one round. */
export class StatusPoller {
  readonly #backend: Backend;
  readonly #timeoutMs: number;
  #round: Promise<Statuses> | undefined;

  constructor(backend: Backend, timeoutMs: number) {
    this.#backend = backend;
    this.#timeoutMs = timeoutMs;
  }

  poll(): Promise<Statuses> {
    this.#round ??= this.#backend.statuses(this.#timeoutMs).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** The replica in this process if it leads, else one that reports so when polled; undefined if none does in time. */
  async leaderOf(topology: Topology, shard: number): Promise<NodeId | undefined> {
    const { self } = this.#backend;
    if (self !== undefined && this.#backend.leaderOf(shard) === self) return self;
    return leaderAmong(replicasOf(await this.poll(), topology, shard));
  }
}
