/**
 * Majorities, for one configuration or two at once (joint consensus, §6): of indexes (what is committed, which read is
 * confirmed) and of votes. Counting indexes happens for every acknowledgement, so it does not allocate.
 */
import type { Configuration, NodeId } from './types.js';

/** How far a voter is: its match index, or the newest read context that it confirmed. */
export type IndexOf = (id: NodeId) => number;

/** `pending`: neither majority nor its impossibility is certain yet. */
export type VoteResult = 'won' | 'lost' | 'pending';

/** The indexes of one call of `majorityIndex`, in descending order. Shared by all calls, so `indexOf` must not re-enter. */
const falling: number[] = [];

/** The highest index that more than half of `voters` have reached; Infinity without voters. */
export function majorityIndex(voters: readonly NodeId[], indexOf: IndexOf): number {
  const count = voters.length;
  if (count === 0) return Infinity;
  let filled = 0;
  for (const id of voters) {
    const index = indexOf(id);
    let at = filled;
    for (; at > 0; at--) {
      const above = falling[at - 1] ?? Infinity;
      if (above >= index) break;
      falling[at] = above;
    }
    falling[at] = index;
    filled++;
  }
  return falling[count >> 1] ?? Infinity;
}

/** The highest index that a quorum has reached: in joint consensus, a majority of both halves (§6). */
export function quorumIndex(configuration: Configuration, indexOf: IndexOf): number {
  return Math.min(majorityIndex(configuration.voters, indexOf), majorityIndex(configuration.votersOutgoing, indexOf));
}

function majorityResult(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  let granted = 0;
  let open = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) open++;
    else if (vote) granted++;
  }
  const needed = voters.length === 0 ? 0 : (voters.length >> 1) + 1;
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}

/** Result of an election. Votes of nodes that are not voters do not count (s15). `votes`: true = granted. */
export function voteResult(configuration: Configuration, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityResult(configuration.voters, votes);
  const outgoing = majorityResult(configuration.votersOutgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

/** In either half. */
export function isVoter(configuration: Configuration, id: NodeId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** Voter or learner. */
export function isMember(configuration: Configuration, id: NodeId): boolean {
  return isVoter(configuration, id) || configuration.learners.includes(id);
}

/** Every voter, each once, in the order of the configuration. */
export function votersOf(configuration: Configuration): NodeId[] {
  return [...new Set([...configuration.voters, ...configuration.votersOutgoing])];
}

/** Every voter and learner, each once. */
export function membersOf(configuration: Configuration): NodeId[] {
  return [...new Set([...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners])];
}
