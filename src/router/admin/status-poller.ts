/**
 * Which node leads a shard, for whoever asks to be told: only a node that answered, and says itself that it leads.
 *
 * The dispatcher's own memory is for routing, where a wrong guess costs a try; what is told to an operator must not be
 * a guess. Knows no HTTP and no link.
 */
import { groupOfShard, type GroupStatus, type NodeId, type NodeStatus, type Topology } from '../../shard/index.js';
import type { Backend } from '../dispatch/index.js';

export type Statuses = ReadonlyMap<NodeId, NodeStatus | undefined>;

/** What each replica that answered says of the shard. */
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

/** Two replicas may both believe to lead; the one with the higher term is right. */
export function leaderAmong(groups: ReadonlyMap<NodeId, GroupStatus>): NodeId | undefined {
  const term = highestTerm(groups.values());
  return [...groups].find(([, { raft }]) => raft.role === 'leader' && raft.term === term)?.[0];
}

/** Asks for statuses on behalf of many at once: who comes while a round is under way gets its answers. */
export class StatusPoller {
  readonly #backend: Backend;
  readonly #timeoutMs: number;
  #round: Promise<Statuses> | undefined;

  constructor(backend: Backend, timeoutMs: number) {
    this.#backend = backend;
    this.#timeoutMs = timeoutMs;
  }

  ask(): Promise<Statuses> {
    this.#round ??= this.#backend.statuses(this.#timeoutMs).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** The replica in this process if it leads, else whoever says so when asked; undefined if nobody does in time. */
  async leaderOf(topology: Topology, shard: number): Promise<NodeId | undefined> {
    const { self } = this.#backend;
    if (self !== undefined && this.#backend.leaderOf(shard) === self) return self;
    return leaderAmong(replicasOf(await this.ask(), topology, shard));
  }
}
