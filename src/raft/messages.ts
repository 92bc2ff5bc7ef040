/**
 * The messages of one Raft group, as a union on `type`.
 *
 * `from` and `to` are always set; `term` is the sender's term, except in a pre-vote, where it is the term that the sender
 * would campaign in (thesis §9.6).
 */
import type { Entry, NodeId, SnapshotMeta } from './types.js';

interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
}

/** An acknowledgement, which does not count while it is marked: the sender is in quarantine (`quarantine.ts`). */
interface Marked {
  /** Boot number of the sender's quarantine; absent: it is in none. */
  readonly quarantine?: number;
}

/** To a member in quarantine: holding everything up to `index` releases it from the quarantine of this `boot`. */
export interface Release {
  readonly boot: number;
  readonly index: number;
}

/** AppendEntries (§5.3). */
export interface Append extends Envelope {
  readonly type: 'append';
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

/** AppendEntries accepted: the log of `from` matches the leader's up to `index`, durably. */
export interface AppendOk extends Envelope, Marked {
  readonly type: 'append-ok';
  readonly index: number;
}

/** The append behind `rejectedIndex` (its prevIndex) did not match; the hint is where to probe next (§5.3, thesis p. 21). */
export interface AppendRefused extends Envelope {
  readonly type: 'append-refused';
  readonly rejectedIndex: number;
  /** Highest index at which a match is still possible, and the term of the follower's entry there (0 = none). */
  readonly hintIndex: number;
  readonly hintTerm: number;
  /** Last index of the follower's log, so that the leader never probes beyond it. */
  readonly lastIndex: number;
}

/** AppendEntries without entries (§5.2), as a message of its own: carries no prevIndex, so it is never refused. */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  /** min(commit, match of the receiver): safe to commit without comparing logs (s41). */
  readonly commit: number;
  /** Newest read context to confirm; 0 = none. Contexts only rise within a term. */
  readonly readContext: number;
  /** The leader goes quiescent; a follower whose log is committed to its end may stop ticking. */
  readonly quiesce: boolean;
  readonly release?: Release;
}

export interface HeartbeatOk extends Envelope, Marked {
  readonly type: 'heartbeat-ok';
  readonly readContext: number;
  /**
   * Highest index up to which the follower's log is known to be this leader's, durable or not: lets a leader whose
   * append was lost notice it.
   */
  readonly lastIndex: number;
  /** Answers a `release`: the sender has left the quarantine of this boot number, and counts again. */
  readonly released?: number;
  /** The follower votes for nobody else for this many ms from now, unless forced; absent: it promises nothing (s50). */
  readonly promiseMs?: number | undefined;
}

/** RequestVote (§5.2, §5.4.1), or a pre-vote (thesis §9.6). */
export interface Vote extends Envelope {
  readonly type: 'vote';
  readonly preVote: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Set by a leadership transfer: voters grant it although a leader is alive (thesis §3.10, §4.2.3). */
  readonly forced: boolean;
}

export interface VoteAnswer extends Envelope {
  readonly type: 'vote-answer';
  readonly preVote: boolean;
  readonly granted: boolean;
}

/** One chunk of InstallSnapshot (§7). `sequence` counts from 0; the receiver answers with the number that it wants next. */
export interface SnapshotChunk extends Envelope {
  readonly type: 'snapshot';
  readonly meta: SnapshotMeta;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

/** `wanted` = next chunk; −1 = the snapshot at `index` is not needed (already committed that far) or is installed. */
export interface SnapshotAnswer extends Envelope, Marked {
  readonly type: 'snapshot-answer';
  readonly index: number;
  readonly wanted: number;
}

/** Leadership transfer: campaign at once, without pre-vote (thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now';
}

/** Sent to a stale sender, which would be stuck without knowing the present term (s3, s23). Carries nothing else. */
export interface TermNotice extends Envelope {
  readonly type: 'term-notice';
}

export type Message =
  | Append
  | AppendOk
  | AppendRefused
  | Heartbeat
  | HeartbeatOk
  | Vote
  | VoteAnswer
  | SnapshotChunk
  | SnapshotAnswer
  | TimeoutNow
  | TermNotice;
