/**
 * The roles of a replica, as a union on `type`: each owns the fields that exist only while it lasts.
 *
 * A change of role makes a new value, so nothing of the old one can be left over. Behaviour is in `follower.ts`,
 * `candidate.ts`, `leader.ts`.
 */
import type { Lag } from './lag.js';
import type { Progress } from './progress.js';
import type { IndexOf } from './quorum.js';
import type { PendingReads } from './read-index.js';
import type { NodeId } from './types.js';

/** Ticks since the role began, or since a leader was heard; an election starts at `electionTimeout`. */
interface Waiting {
  electionElapsed: number;
  electionTimeout: number;
}

export interface Follower extends Waiting {
  readonly type: 'follower';
  leader: NodeId;
  /** Highest index up to which the log is known to be that of this term's leader, durable or not. */
  matched: number;
  quiesced: boolean;
}

export interface Candidate extends Waiting {
  /** A pre-candidate asks whether it could win; its term and vote are still those of before (thesis §9.6). */
  readonly type: 'pre-candidate' | 'candidate';
  readonly votes: Map<NodeId, boolean>;
}

export interface Transfer {
  readonly to: NodeId;
  elapsed: number;
}

export interface Leader {
  readonly type: 'leader';
  /** Index of the entry that this leader began its term with: what it may commit by counting starts there. */
  readonly termStart: number;
  /** Every other member. */
  readonly peers: ReadonlyMap<NodeId, Progress>;
  /** Durable match index of every member, itself included. */
  readonly matchOf: IndexOf;
  readonly reads: PendingReads;
  /** Newest read context that every member confirmed, itself always included. */
  readonly contextOf: IndexOf;
  /** Ticks since the quorum was checked. */
  electionElapsed: number;
  heartbeatElapsed: number;
  /** Ticks since anything happened. */
  quietTicks: number;
  quiesced: boolean;
  transfer: Transfer | undefined;
  /** A transfer was begun in this term: its timeout-now may still be on its way, and votes may be forced (s50). */
  mayBeForced: boolean;
  uncommittedBytes: number;
  /** How long this leader's own disk has lacked what a quorum already has. */
  readonly diskLag: Lag;
  /** Due with the next `ready()`: appends to whoever can take them; a heartbeat to all, of the clock or for reads; … */
  appendsDue: boolean;
  roundDue: boolean;
  readRoundDue: boolean;
  /** … a heartbeat to whoever has not been told the commit index. */
  commitDue: boolean;
}

export type RoleState = Follower | Candidate | Leader;
