/**
 * What the calls of `Raft` return, and the status of a replica: plain data.
 */
import type { Core } from './core.js';
import type { Configuration, NodeId } from './types.js';

export type ProposeResult =
  | { readonly type: 'appended'; readonly firstIndex: number; readonly term: number }
  | {
      readonly type: 'refused';
      readonly reason: 'not-leader' | 'transferring' | 'overloaded';
      readonly leader: NodeId;
    };

export type ReadResult =
  { readonly type: 'accepted'; readonly context: number } | { readonly type: 'refused'; readonly leader: NodeId };

export type TransferResult = 'started' | 'already-leader' | 'not-leader' | 'no-such-voter';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface PeerStatus {
  readonly id: NodeId;
  readonly match: number;
  readonly next: number;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly recentlyActive: boolean;
  /** What it says does not count: it is in quarantine. Absent: it is not. */
  readonly quarantined?: boolean | undefined;
}

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly vote: NodeId;
  readonly leader: NodeId;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Last index known to be durable here. */
  readonly stableIndex: number;
  readonly quiesced: boolean;
  /** The life whose quarantine it is in; absent: it is in none. */
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
  return quarantine === undefined ? status : { ...status, quarantine: quarantine.life };
}
