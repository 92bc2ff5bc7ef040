/**
 * The options of a `Raft`.
 */
import type { Configuration, Entry, HardState, NodeId, SnapshotMeta } from './types.js';

export interface RaftOptions {
  readonly id: NodeId;
  /** Members of the group if `snapshot.index` is 0; otherwise the snapshot's configuration applies. */
  readonly configuration: Configuration;
  /** As recovered by storage; all zero and empty for a new group. The state machine must hold `snapshot.index`. */
  readonly hardState: HardState;
  readonly snapshot: SnapshotMeta;
  readonly entries: readonly Entry[];
  /** T, in ticks: elections start after a random time in [T, 2T). */
  readonly electionTicks: number;
  /** Ticks between heartbeat rounds. */
  readonly heartbeatTicks: number;
  /** Returns a number in [0, 1); the only source of randomness. */
  readonly random: () => number;
  /** Maximum bytes of entry data in one append; a single larger entry is still sent, alone. */
  readonly maxAppendBytes: number;
  /** Maximum appends in flight to one follower. */
  readonly maxInflight: number;
  /** Maximum bytes of entry data in flight to one follower; may be exceeded by one append. Default: no limit. */
  readonly maxInflightBytes?: number;
  /** Maximum bytes of entry data proposed and not yet committed; proposals beyond it are refused (s37). */
  readonly maxUncommittedBytes: number;
  /** Ticks without activity after which a leader whose followers are level goes quiescent (s74); 0 = never. */
  readonly quiesceTicks: number;
  /**
   * Some leader of this group may answer reads by lease (s50), so the promise "no vote within an election timeout of a
   * message from a leader" must survive what otherwise breaks it: a restart (no unforced vote in the first `electionTicks`)
   * and `forgetLeader` (which then only wakes the group). Default false.
   */
  readonly leaseReads?: boolean;
  /** Starts in quarantine with this boot number (`quarantine.ts`): the disk went back in time. Default: no quarantine. */
  readonly quarantine?: number | undefined;
  /**
   * The operator trusts the disk: without a leader for four election timeouts the replica leaves quarantine by itself.
   * What it acknowledged and its disk lacks may be lost then. Default false.
   */
  readonly trusted?: boolean | undefined;
  /** Boot number of the last quarantine that this replica left. Default: none. */
  readonly released?: number | undefined;
  /**
   * With `leaseReads`: the vote promise in its heartbeat answers, in ms of the owner's clock. At most what
   * `electionTicks` ticks are sure to last (`promiseMsOf`). Default 0: no promise.
   */
  readonly promiseMs?: number;
  /** Ticks from the start for which a promise of an earlier process, with other timers, may still hold. Default 0. */
  readonly owedTicks?: number;
}

/** The options that may change while a replica runs (`Raft.retime`). */
export type RaftTimers = Pick<
  RaftOptions,
  'electionTicks' | 'heartbeatTicks' | 'quiesceTicks' | 'leaseReads' | 'promiseMs'
>;
