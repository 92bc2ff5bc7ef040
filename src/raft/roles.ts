/**
 * The roles of a replica, as a union on `type`: each owns the fields that exist only while it lasts.
 *
 * A change of role creates a new value, so no field of the old role survives. Behaviour is in `follower.ts`,
 * `candidate.ts`, `leader.ts`.
 */
import type { Lag } from './lag.js';
import type { Progress } from './progress.js';
import type { IndexOf } from './quorum.js';
import type { ReadIndexQueue } from './read-index.js';
import type { NodeId } from './types.js';

/** The election timer: ticks since the role began or a leader's message came; an election starts at `electionTimeout`. */
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
  /** A pre-candidate has not changed its term and vote (thesis §9.6). */
  readonly type: 'pre-candidate' | 'candidate';
  readonly votes: Map<NodeId, boolean>;
}

/** A leadership transfer in progress. */
export interface Transfer {
  readonly to: NodeId;
  /** Ticks since it began. */
  elapsed: number;
}

export interface Leader {
  readonly type: 'leader';
  /** Index of the no-op that began the term: commits by counting start there. */
  readonly termStart: number;
  /** Every other member. */
  readonly peers: ReadonlyMap<NodeId, Progress>;
  /** Durable match index of every member, itself included. */
  readonly matchOf: IndexOf;
  readonly reads: ReadIndexQueue;
  /** Newest read context confirmed by each member; Infinity for itself. */
  readonly contextOf: IndexOf;
  /** Ticks since the last quorum check. */
  electionElapsed: number;
  heartbeatElapsed: number;
  /** Ticks without activity. */
  quietTicks: number;
  quiesced: boolean;
  transfer: Transfer | undefined;
  /** A transfer was begun in this term: its timeout-now may still be in flight, and votes may be forced (s50). */
  mayBeForced: boolean;
  uncommittedBytes: number;
  /** How long this leader's own disk has lacked what a quorum already has. */
  readonly diskLag: Lag;
  /** Due at the next `ready()`: appends to members that can take them. */
  appendsDue: boolean;
  /** Due at the next `ready()`: a heartbeat to all, of the clock. */
  roundDue: boolean;
  /** Due at the next `ready()`: a heartbeat to all, for pending reads. */
  readRoundDue: boolean;
  /** Due at the next `ready()`: a heartbeat to members that lack the commit index. */
  commitDue: boolean;
}

export type RoleState = Follower | Candidate | Leader;
