/**
 * Results of calls of `Raft`, and the status of a replica: plain data.
 */
import type { Core } from './core.js';
import type { Configuration, NodeId } from './types.js';

/**
 * `appended`: the items are at `firstIndex` and following, in `term`; not committed yet. `refused`: nothing was appended;
 * `leader` is who leads, as far as is known, or `NONE`.
 *
 * - `transferring`: this replica leads, and hands over to another.
 * - `overloaded`: `RaftOptions.maxUncommittedBytes` are proposed and not committed.
 */
export type ProposeResult =
  | { readonly type: 'appended'; readonly firstIndex: number; readonly term: number }
  | {
      readonly type: 'refused';
      readonly reason: 'not-leader' | 'transferring' | 'overloaded';
      readonly leader: NodeId;
    };

/** `context` identifies the read in `Ready.reads` and `Ready.readsLost`. Refused unless this replica leads. */
export type ReadResult =
  { readonly type: 'accepted'; readonly context: number } | { readonly type: 'refused'; readonly leader: NodeId };

/** `started`: whether it succeeds shows in a change of leader. `no-such-voter`: also for a voter in quarantine. */
export type TransferResult = 'started' | 'already-leader' | 'not-leader' | 'no-such-voter';

/** A pre-candidate has sent pre-votes, in its old term; a candidate has sent votes, in a new one. */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** A leader's view of another member (`progress.ts`). */
export interface PeerStatus {
  readonly id: NodeId;
  /** Highest index that it is known to hold durably. */
  readonly match: number;
  /** Next index to send. */
  readonly next: number;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  /** A message came from it since the last quorum check, one election timeout ago at most. */
  readonly recentlyActive: boolean;
  /** It is in quarantine: its acknowledgements do not count. Absent: it is not. */
  readonly quarantined?: boolean | undefined;
}

/** State of a replica at one moment. */
export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  /** The vote of this term; `NONE`: not cast. */
  readonly vote: NodeId;
  /** The leader of this term; `NONE`: unknown. */
  readonly leader: NodeId;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Last index known to be durable here. */
  readonly stableIndex: number;
  /** See `quiescence.ts`. */
  readonly quiesced: boolean;
  /** Boot number of the quarantine that it is in; absent: it is in none. */
  readonly quarantine?: number | undefined;
  readonly configuration: Configuration;
  /** Only on a leader; without itself. */
  readonly peers: readonly PeerStatus[];
}

export function statusOf(core: Core, quiesced: boolean): RaftStatus {
  const { id, role, term, vote, leader, log, configuration, quarantine } = core;
  const { commit, applied, firstIndex, lastIndex, stableIndex } = log;
  const peers: PeerStatus[] = [];
  if (role.type === 'leader') {
    for (const peer of role.peers.values()) {
      const { match, next, state, recentlyActive } = peer;
      const status: PeerStatus = { id: peer.id, match, next, state, recentlyActive };
      peers.push(peer.quarantine === undefined ? status : { ...status, quarantined: true });
    }
  }
  const status: RaftStatus = {
    id,
    role: role.type,
    term,
    vote,
    leader,
    commit,
    applied,
    firstIndex,
    lastIndex,
    stableIndex,
    quiesced,
    configuration,
    peers,
  };
  return quarantine === undefined ? status : { ...status, quarantine: quarantine.boot };
}
