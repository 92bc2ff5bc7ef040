/**
 * One replica of one Raft group: inputs as methods, output as `Ready`. (Skeleton; the core follows.)
 */
import type { Message } from './messages.js';
import type { Ready, Receipt } from './ready.js';
import type { Configuration, Entry, HardState, NodeId, SnapshotMeta } from './types.js';

export interface RaftOptions {
  readonly id: NodeId;
  /** Used when `snapshot.index` is 0; otherwise the snapshot's own. */
  readonly configuration: Configuration;
  /** What storage gave back; all zero and empty for a new group. The state machine holds `snapshot.index`. */
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
  /** T, in ticks: elections start after a random time in [T, 2T). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** In [0, 1); the only source of chance. */
  readonly random: () => number;
  /** Bytes of entry data in one append. */
  readonly maxAppendBytes: number;
  /** Appends under way to one follower. */
  readonly maxInflight: number;
  /** Bytes of entry data proposed and not yet committed; more is refused (s37). */
  readonly maxUncommittedBytes: number;
  /** Quiet ticks after which a leader whose followers are level falls quiet (s74); 0 = never. */
  readonly quiesceTicks: number;
}

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
  readonly configuration: Configuration;
  /** Only on a leader; without itself. */
  readonly peers: readonly PeerStatus[];
}

export declare class Raft {
  constructor(options: RaftOptions);

  readonly role: Role;
  readonly term: number;
  readonly leader: NodeId;
  /** Falls quiet on its own; `tick` then does nothing until a message or a call wakes the group. */
  readonly quiesced: boolean;

  /** One unit of time. */
  tick(): void;
  step(message: Message): void;
  /** One entry per item, consecutive. Nothing is appended when refused. */
  propose(data: readonly Uint8Array[]): ProposeResult;
  /** Asks for a confirmation of leadership after this moment; the context appears in `reads` or `readsLost`. */
  readIndex(): ReadResult;
  /** Starts an election now (pre-vote first): used by a group's preferred leader at its start. */
  campaign(): void;
  transferLeadership(to: NodeId): TransferResult;
  /** The owner knows that the leader is dead: forget it, so that votes can be given at once, and stand soon (s74). */
  forgetLeader(): void;
  /** Messages to `peer` are not arriving: stop pipelining to it. */
  reportUnreachable(peer: NodeId): void;
  /** A write of an earlier `Ready` is durable. */
  persisted(receipt: Receipt): void;
  applied(index: number): void;
  /** Drops the log up to and including `index` (≤ applied, and behind a durable checkpoint). */
  compact(index: number): void;
  /** An answer to `chunksWanted`. */
  offerChunk(to: NodeId, meta: SnapshotMeta, sequence: number, data: Uint8Array, done: boolean): void;
  /** The chunk asked for cannot be had now; the core asks again later. */
  chunkUnavailable(to: NodeId): void;
  /** A term at an index, if the log (or its snapshot's end) still has it. */
  termAt(index: number): number | undefined;
  hasReady(): boolean;
  ready(): Ready;
  status(): RaftStatus;
}
