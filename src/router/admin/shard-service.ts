/**
 * Which shards are unavailable: as far as this process knows, or, from the nodes' statuses, of all shards. What counts
 * for readiness is decided in `health.ts`.
 */
import type { NodeHealth, NodeId, StalledShard, Topology } from '../../shard/index.js';
import type { Backend } from '../dispatch/index.js';
import { highestTerm, leaderAmong, replicasOf, type Statuses } from './status-poller.js';

/** A shard counts as stalled if nothing commits for this much longer than an election timeout. */
const COMMIT_GRACE_MS = 500;

export interface UnservedShards {
  /** Too few replicas are alive. */
  readonly noQuorum: readonly number[];
  /** No leader is known. */
  readonly noLeader: readonly number[];
  /** Replicas agree on a leader, which did not answer. */
  readonly unanswered: readonly number[];
  /** Shards with a leader where nothing commits although something waits to; undefined if the nodes were not asked. */
  readonly stalled: readonly StalledShard[] | undefined;
}

export const isStalled = (ms: number, electionTimeoutMs: number): boolean => ms > electionTimeoutMs + COMMIT_GRACE_MS;

/**
 * @param health of the node in this process, if there is one. @param answers the nodes' statuses, if they were asked
 */
export function unservedShards(
  backend: Backend,
  health: NodeHealth | undefined,
  answers: Statuses | undefined,
): UnservedShards {
  const topology = backend.topology();
  const linked = health?.linked ?? [];
  const noQuorum: number[] = [];
  const noLeader: number[] = [];
  const unanswered: number[] = [];
  const stalled: StalledShard[] = [];
  for (const [shard, replicas] of topology?.shards.entries() ?? []) {
    const alive = replicas.filter((node) => backend.alive(node)).length;
    if (alive * 2 <= replicas.length) noQuorum.push(shard);
    if (answers === undefined || topology === undefined) {
      if (!isKnownToBeLed(backend, { shard, replicas, linked })) noLeader.push(shard);
      continue;
    }
    const answer = leadershipOf(answers, topology, shard);
    if (answer === 'none') noLeader.push(shard);
    else if (answer === 'unanswered') unanswered.push(shard);
    else if (answer.stalledMs > 0) stalled.push({ shard, ms: answer.stalledMs });
  }
  return { noQuorum, noLeader, unanswered, stalled: answers && stalled };
}

interface ShardLinks {
  readonly shard: number;
  readonly replicas: readonly NodeId[];
  readonly linked: readonly NodeId[];
}

/**
 * A node knows only of the shards that it holds whether they have a leader. For others, a link to a replica has to
 * suffice. (A node that never sent a heartbeat counts as alive, so liveness is no substitute.)
 */
function isKnownToBeLed(backend: Backend, { shard, replicas, linked }: ShardLinks): boolean {
  const { self } = backend;
  if (self === undefined) return true;
  if (replicas.includes(self)) return backend.leaderOf(shard) !== undefined;
  return replicas.some((node) => linked.includes(node));
}

type Leadership = 'none' | 'unanswered' | { readonly stalledMs: number };

function leadershipOf(answers: Statuses, topology: Topology, shard: number): Leadership {
  const groups = replicasOf(answers, topology, shard);
  const leader = leaderAmong(groups) ?? 0;
  const [status, group] = [answers.get(leader), groups.get(leader)];
  if (status === undefined || group === undefined) {
    const term = highestTerm(groups.values());
    const isNamed = [...groups.values()].some(
      ({ raft }) => raft.term === term && raft.leader !== 0 && answers.get(raft.leader) === undefined,
    );
    return isNamed ? 'unanswered' : 'none';
  }
  // A failed node has stopped its groups; their status dates from then.
  if (status.state === 'failed') return 'none';
  const { electionTimeoutMs, roomWaitMs = 0 } = status;
  const { commitWaitMs = 0 } = group;
  // Builds without this field are assumed to commit.
  if (electionTimeoutMs === undefined) return { stalledMs: 0 };
  // On a full disk writes are refused, so perhaps nothing waits.
  const isLate = isStalled(commitWaitMs, electionTimeoutMs) || roomWaitMs > electionTimeoutMs;
  return { stalledMs: isLate ? Math.max(commitWaitMs, roomWaitMs) : 0 };
}
