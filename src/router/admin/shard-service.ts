/**
 * Which shards are without service, as far as is known in this process; with what the nodes said, if they were asked,
 * of all shards. Knows no HTTP, and does not decide what counts (`health.ts`).
 */
import type { NodeHealth, NodeId, StalledShard, Topology } from '../../shard/index.js';
import type { Backend } from '../dispatch/index.js';
import { highestTerm, leaderAmong, replicasOf, type Statuses } from './status-poller.js';

/** How much longer than an election timeout a shard may take to commit before that counts. */
const COMMIT_GRACE_MS = 500;

export interface UnservedShards {
  /** Too few replicas are alive. */
  readonly noQuorum: readonly number[];
  /** No leader is known. */
  readonly noLeader: readonly number[];
  /** Replicas name a leader, and it did not answer. */
  readonly unanswered: readonly number[];
  /** Led, and nothing commits; undefined if nobody was asked. Who asks for nothing to be committed does not wait. */
  readonly stalled: readonly StalledShard[] | undefined;
}

export const isStalled = (ms: number, electionTimeoutMs: number): boolean => ms > electionTimeoutMs + COMMIT_GRACE_MS;

/** @param health of the node in this process, if there is one; `answers`: what the nodes said, if they were asked */
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
      if (!isLedAsKnown(backend, { shard, replicas, linked })) noLeader.push(shard);
      continue;
    }
    const answer = leadershipOf(answers, topology, shard);
    if (answer === 'none') noLeader.push(shard);
    else if (answer === 'unanswered') unanswered.push(shard);
    else if (answer.stalledMs > 0) stalled.push({ shard, ms: answer.stalledMs });
  }
  return { noQuorum, noLeader, unanswered, stalled: answers && stalled };
}

interface Held {
  readonly shard: number;
  readonly replicas: readonly NodeId[];
  readonly linked: readonly NodeId[];
}

/**
 * Of the shards that it does not hold, a node cannot say whether they have a leader; their replicas do, if it has a link to
 * one of them. (Of a node that was never heard nothing is known, so it passes for alive.)
 */
function isLedAsKnown(backend: Backend, { shard, replicas, linked }: Held): boolean {
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
  // It has left its groups, and they are as they were then.
  if (status.state === 'failed') return 'none';
  const { electionTimeoutMs, roomWaitMs = 0 } = status;
  const { commitWaitMs = 0 } = group;
  // Builds that say nothing of this are taken to commit.
  if (electionTimeoutMs === undefined) return { stalledMs: 0 };
  // Where there is no room writes are refused, and so perhaps nothing waits.
  const isLate = isStalled(commitWaitMs, electionTimeoutMs) || roomWaitMs > electionTimeoutMs;
  return { stalledMs: isLate ? Math.max(commitWaitMs, roomWaitMs) : 0 };
}
