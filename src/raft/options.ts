/**
 * What a `Raft` is made from. Knows nothing of what it does with it.
 */
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
  /** Bytes of entry data in one append; a single larger entry still travels, alone. */
  readonly maxAppendBytes: number;
  /** Appends under way to one follower. */
  readonly maxInflight: number;
  /** Bytes of entry data under way to one follower; may be exceeded by one append. Default: no limit. */
  readonly maxInflightBytes?: number;
  /** Bytes of entry data proposed and not yet committed; more is refused (s37). */
  readonly maxUncommittedBytes: number;
  /** Quiet ticks after which a leader whose followers are level falls quiet (s74); 0 = never. */
  readonly quiesceTicks: number;
  /**
   * Some leader of this group may answer reads by lease (s50), so the promise "no vote within an election timeout of
   * hearing a leader" must survive what otherwise breaks it: a restart (no unforced vote in the first `electionTicks`)
   * and `forgetLeader` (which then only wakes the group). Default false.
   */
  readonly leaseReads?: boolean;
  /** It starts in quarantine, of this life (`quarantine.ts`): its disk went back in time. Default: it does not. */
  readonly quarantine?: number | undefined;
  /**
   * Whoever operates it vouches for its disk: in quarantine, where nobody leads for four election timeouts, it leaves it by
   * itself. What others were told by it and its disk does not have may be lost then. Default: false.
   */
  readonly trusted?: boolean | undefined;
  /** The last life whose quarantine it has left. Default: none. */
  readonly released?: number | undefined;
  /**
   * With `leaseReads`: what this replica promises in its answers to heartbeats, in ms of the owner's clock: never longer
   * than `electionTicks` ticks can be short (`promiseMsOf`). Default 0: no promise.
   */
  readonly promiseMs?: number;
  /**
   * Ticks from the start for which an earlier life, with other timers, may have promised its vote to somebody. Default 0.
   */
  readonly owedTicks?: number;
}

/** What may change while a replica runs (`Raft.retime`). */
export type RaftTimers = Pick<
  RaftOptions,
  'electionTicks' | 'heartbeatTicks' | 'quiesceTicks' | 'leaseReads' | 'promiseMs'
>;
