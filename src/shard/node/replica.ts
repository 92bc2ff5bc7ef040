/**
 * One replica of one group on this node: its `Raft`, its state machine, and the operations that wait.
 *
 * Inputs only change its state; the turn takes its messages and writes from `raft.ready()` (`turn.ts`).
 * Invariants:
 *  - a write is answered only when its own entry, of the term in which it was proposed, has been applied;
 *  - a read is answered only after leadership was confirmed after its arrival and the read index is applied;
 *  - when leadership is lost every waiting write is answered `unknown`: another leader may still commit it.
 */
import {
  EntryKind,
  Lease,
  NONE,
  Raft,
  type Entry,
  type GroupId,
  type Message,
  type NodeId,
  type RaftOptions,
  type RaftTimers,
  type Ready,
  type Write,
} from '../../raft/index.js';
import { BlockedOperations } from './blocked.js';
import { BoundedReads, type AskIndex } from './bounded-reads.js';
import { CommitStall } from './commit-stall.js';
import { EntryClock } from './entry-clock.js';
import { refuse, type ErrorCode } from '../errors.js';
import { ListSessions } from './list-sessions.js';
import { refuseLeaving, type Closed } from './leaving.js';
import type { Machine, Memtable } from '../machine/index.js';
import { boundOf, type Answer, type Consistency, type KvRead } from '../operation.js';
import { serveReads } from './operation-faults.js';
import { serveRead } from './serve-read.js';
import type { Logger, Runtime } from '../runtime.js';
import { type LeaseStage, shardOfGroup, SYSTEM_GROUP } from '../cluster/index.js';
import type { GroupStatus } from '../status.js';
import { PendingReads, PendingWrites, type Waiter } from './pending.js';
import { isSound } from './sound-message.js';
import type { ReplicaView } from './replica-view.js';

export interface ReplicaOptions {
  readonly id: GroupId;
  readonly raft: RaftOptions;
  readonly machine: Machine;
  readonly table: Memtable;
  readonly clocks: Pick<Runtime, 'now' | 'wallTime' | 'every' | 'random'>;
  readonly logger: Logger;
  readonly askIndex: AskIndex;
}

export class Replica implements ReplicaView {
  readonly id: GroupId;
  readonly raft: Raft;
  readonly machine: Machine;
  readonly table: Memtable;
  applied: number;
  leaderChanges = 0;
  readonly stall: CommitStall;
  readonly entryClock: EntryClock;
  /** To be collected in this turn; set by `replica-set.ts`. */
  isDirty = false;
  /** At stages before `read`, reads by lease need a round like any other. */
  leases: LeaseStage = 'off';

  readonly #now: () => number;
  readonly #logger: Logger;
  readonly #writes = new PendingWrites();
  readonly #reads = new PendingReads();
  readonly blocked = new BlockedOperations();
  readonly bounded: BoundedReads;
  readonly #lease = new Lease();
  readonly #lists: ListSessions;
  readonly #maxBatchBytes: number;
  #proposals: { readonly data: Uint8Array; readonly waiter: Waiter }[] = [];
  #knownLeader: NodeId = NONE;
  #knownTerm = 0;

  constructor(options: ReplicaOptions) {
    this.id = options.id;
    this.raft = new Raft(options.raft);
    this.machine = options.machine;
    this.table = options.table;
    this.#now = () => options.clocks.now();
    this.#logger = options.logger;
    this.stall = new CommitStall(this.#now);
    this.entryClock = new EntryClock(this.raft, this.machine, options.raft, options.clocks);
    this.#lists = new ListSessions(this.table, options.clocks);
    this.#maxBatchBytes = options.raft.maxUncommittedBytes;
    this.applied = options.raft.snapshot.index;
    this.bounded = new BoundedReads({
      ...{ group: this.id, raft: this.raft, logger: this.#logger, askIndex: options.askIndex, serve: this.#serve },
      ...{ now: this.#now, random: () => options.clocks.random(), applied: () => this.applied },
      refuseAsNotLeader: (waiter) => {
        this.#refuseAsNotLeader(waiter);
      },
    });
    this.machine.load();
  }

  /** A snapshot has replaced the log and is replacing the state: no checkpoint may be taken until it is durable. */
  get installing(): boolean {
    return this.raft.log.snapshotIndex > this.applied;
  }

  /** Whether entries that wait to be applied here wait only for the disks of other nodes. */
  get isHeldUpByDisksOfOthers(): boolean {
    return this.applied === this.raft.commit && this.raft.isHeldUpByDisksOfOthers;
  }

  get isSystem(): boolean {
    return this.id === SYSTEM_GROUP;
  }

  get isLeader(): boolean {
    return this.raft.role === 'leader';
  }

  // Inputs. After each of them the replica is dirty, and is collected in the same turn.

  /** To be called on a leader only; if leadership is lost before the turn ends, the waiter is answered with that. */
  write(data: Uint8Array, waiter: Waiter): void {
    this.#proposals.push({ data, waiter });
  }

  /** `why`: by default, that another replica leads, or none does. */
  refuseWrite(waiter: Waiter, why?: { readonly code: ErrorCode; readonly message: string }): void {
    if (why === undefined) this.#refuseAsNotLeader(waiter);
    else waiter.done(refuse(why.code, why.message, this.#details()));
  }

  read(consistency: Consistency, waiter: Waiter): void {
    if (consistency === 'stale') {
      const bound = boundOf(waiter.read);
      if (bound === undefined) serveReads([waiter], this.#serve, this.#logger);
      else this.bounded.read(waiter, bound);
    } else if (!this.isLeader) {
      this.#refuseAsNotLeader(waiter);
    } else if (consistency === 'lease' && this.holdsLease) {
      this.#reads.awaitIndex(this.raft.commit, waiter);
    } else {
      this.#reads.gather(waiter);
    }
  }

  step(message: Message): void {
    if (isSound(message, this.raft.term, shardOfGroup(this.id), this.#logger)) this.raft.step(message);
  }

  /** As `Raft.retime`. */
  retime(timers: RaftTimers, stretch: number, leases: LeaseStage): void {
    this.raft.retime(timers, stretch);
    this.leases = leases;
    if (leases === 'off') this.#lease.drop();
  }

  transfer(to: NodeId): void {
    this.raft.transferLeadership(to);
  }

  /**
   * Called when a write of this replica is durable.
   * @returns true: it replaced the state by a snapshot
   */
  persisted(write: Write): boolean {
    this.raft.persisted(write.receipt);
    if (write.chunk?.done !== true) return false;
    this.#reload(write.chunk.meta);
    return true;
  }

  // Steps of a turn, in the order in which `turn.ts` runs them.

  /**
   * Checks for a change of leader and term; when leadership is lost, answers waiters, because this replica can no
   * longer guarantee what they wait for.
   * @returns true: there is a leader, and it is not the previous one
   */
  noticeLeadership(): boolean {
    const { leader, term, id: self } = this.raft;
    if (leader === this.#knownLeader && term === this.#knownTerm) return false;
    if (this.#knownLeader === self && (leader !== self || term !== this.#knownTerm)) this.#onLeadershipLost();
    const changed = leader !== this.#knownLeader && leader !== NONE;
    this.#knownLeader = leader;
    this.#knownTerm = term;
    this.bounded.leadershipChanged();
    if (!changed) return false;
    this.leaderChanges++;
    this.#logger.info({ shard: shardOfGroup(this.id), term, leader }, 'leader');
    return true;
  }

  /** Hands submitted writes and reads to the core. */
  propose(): void {
    this.#proposeWrites();
    if (this.isLeader && this.#reads.wantsRound) this.#startReadRound();
  }

  /** `nowMs`: when the turn began. @returns bytes of data in the entries */
  apply(entries: readonly Entry[], nowMs: number): number {
    let bytes = 0;
    for (const entry of entries) {
      if (entry.kind === EntryKind.command) {
        const answer = this.machine.apply(entry.index, entry.data);
        bytes += entry.data.length;
        // Only a leader's own proposals have waiters, which are removed when its term ends.
        const waiter = this.#writes.take(entry.index);
        if (answer !== undefined) waiter?.done(answer);
        else if (waiter !== undefined) this.blocked.addWrite(entry.data, waiter);
      }
      this.applied = entry.index;
    }
    this.raft.applied(this.applied);
    this.entryClock.applied(entries, nowMs);
    if (this.blocked.size > 0) this.#resumeBlocked();
    this.bounded.applied();
    return bytes;
  }

  /** Goes on with what waited for keys of transactions, if some were let go. */
  #resumeBlocked(): void {
    if (!this.blocked.isReleased(this.machine)) return;
    if (this.#resumeWrites()) this.#proposeWrites();
    serveReads(this.blocked.takeReads(this.machine), this.#serve, this.#logger);
  }

  #resumeWrites(): boolean {
    const free = this.blocked.takeWrites(this.machine);
    for (const { data, waiter } of free) this.write(this.entryClock.again(data), waiter);
    return free.length > 0;
  }

  /** Confirmed reads wait for their index; those whose round was lost are refused. */
  settleReads({ reads, readsLost }: Pick<Ready, 'reads' | 'readsLost'>): void {
    if (reads.length === 0 && readsLost.length === 0) return;
    for (const { context, index, promiseMs = 0 } of reads) {
      this.#lease.confirmed(context, promiseMs);
      this.#reads.confirmed(context, index);
    }
    this.bounded.settle({ reads, readsLost });
    for (const context of readsLost) {
      for (const waiter of this.#reads.takeContext(context)) waiter.done(this.#notLeader());
    }
  }

  /**
   * Answers the reads whose index is applied.
   * @returns true: a round was started for reads that gathered meanwhile, so the core has more output
   */
  serveReads(): boolean {
    const ready = this.#reads.takeReady(this.applied);
    if (ready.length > 0) serveReads(this.blocked.admit(ready, this.machine), this.#serve, this.#logger);
    return this.isLeader && this.#reads.wantsRound && this.#startReadRound();
  }

  /** Called at the end of a turn: records whether the group made progress. */
  noteProgress(nowMs: number): void {
    this.stall.note(this.applied, this.raft.log.lastIndex, this.isLeader, nowMs);
  }

  /**
   * Answers operations that are past their deadline. A write that was proposed may still be applied.
   * @returns true: writes are to be proposed again, which had waited for one of those
   */
  expire(now: number): boolean {
    for (const waiter of this.#writes.takeExpired(now)) {
      waiter.done(refuse('timeout', 'the write was proposed and not committed within the deadline'));
    }
    for (const waiter of this.blocked.takeExpired(now)) waiter.done(refuse('conflict'));
    this.bounded.expire(now);
    for (const waiter of this.#reads.takeExpired(now)) {
      waiter.done(refuse('no-quorum', 'too few replicas confirmed the leader within the deadline'));
    }
    return this.isLeader && this.#resumeWrites();
  }

  /** Called when the node fails or stops: answers every waiter. The outcome of proposed writes is unknown. */
  abandon(closed: Closed): void {
    const refusal = refuseLeaving(closed, shardOfGroup(this.id));
    for (const { waiter } of this.#proposals) waiter.done(refusal);
    this.#proposals = [];
    for (const waiter of [...this.blocked.takeAll(), ...this.bounded.takeAll()]) waiter.done(refusal);
    for (const waiter of this.#writes.takeAll()) waiter.done(refuse('leadership-lost', closed.reason));
    for (const waiter of this.#reads.takeAll()) waiter.done(refusal);
  }

  status(): GroupStatus {
    return {
      group: this.id,
      raft: this.raft.status(),
      stateHash: this.machine.stateHash(),
      keys: this.machine.keyCount,
      leaderChanges: this.leaderChanges,
      pendingWrites: this.waitingWrites,
      pendingReads: this.waitingReads,
      commitWaitMs: this.isLeader ? this.stall.waitMs : undefined,
      sinceAppliedMs: this.stall.sinceAppliedMs,
    };
  }

  #proposeWrites(): void {
    if (this.#proposals.length === 0) return;
    const proposals = this.#proposals;
    this.#proposals = [];
    const batch: Uint8Array[] = [];
    let bytes = 0;
    for (const { data } of proposals) {
      batch.push(data);
      bytes += data.length;
    }
    const result = bytes > this.#maxBatchBytes ? undefined : this.raft.propose(batch);
    if (result?.type === 'appended') {
      let index = result.firstIndex;
      for (const { waiter } of proposals) this.#writes.add(index++, waiter);
    } else {
      // The batch was too large, or was refused: each proposal gets its own answer.
      this.#proposeOneByOne(proposals);
    }
  }

  #proposeOneByOne(proposals: readonly { readonly data: Uint8Array; readonly waiter: Waiter }[]): void {
    for (const { data, waiter } of proposals) {
      const result = this.raft.propose([data]);
      if (result.type === 'appended') this.#writes.add(result.firstIndex, waiter);
      else waiter.done(this.#refusal(result.reason));
    }
  }

  #refusal(reason: 'not-leader' | 'transferring' | 'overloaded'): Answer {
    switch (reason) {
      case 'not-leader':
        return this.#notLeader();
      case 'transferring':
        return refuse('no-leader', 'leadership is being handed over', this.#details());
      case 'overloaded':
        return refuse('overloaded', 'too many bytes are proposed and not yet committed', this.#details());
    }
  }

  /** @returns false: the core refuses a round at present */
  #startReadRound(): boolean {
    const result = this.raft.readIndex();
    if (result.type === 'refused') return false;
    if (this.leases !== 'off') this.#lease.sent(result.context, this.#now());
    this.#reads.roundStarted(result.context);
    return true;
  }

  get waitingReads(): number {
    return this.#reads.size + this.blocked.reads + this.bounded.size;
  }

  get waitingWrites(): number {
    return this.#writes.size + this.#proposals.length + this.blocked.writes;
  }

  get holdsLease(): boolean {
    return this.leases === 'read' && this.raft.mayReadByLease && this.#lease.validAt(this.#now());
  }

  readonly #serve = (read: KvRead): Answer => serveRead(this.machine, read, this.applied, this.#lists);

  #onLeadershipLost(): void {
    this.#lease.drop();
    for (const { waiter } of this.#proposals) waiter.done(this.#notLeader());
    this.#proposals = [];
    // Their entries have changed nothing.
    for (const waiter of this.blocked.takeAll()) waiter.done(this.#notLeader());
    for (const waiter of this.#writes.takeAll()) waiter.done(refuse('leadership-lost', undefined, this.#details()));
    for (const waiter of this.#reads.takeAll()) waiter.done(this.#notLeader());
  }

  /**
   * Wakes a quiet group: the client may have found no leader elsewhere, and only ticks reveal that the leader is gone.
   */
  #refuseAsNotLeader(waiter: Waiter): void {
    this.raft.wake();
    waiter.done(this.#notLeader());
  }

  #notLeader(): Answer {
    const known = this.raft.leader !== NONE && this.raft.leader !== this.raft.id;
    return refuse(known ? 'not-here' : 'no-leader', undefined, this.#details());
  }

  #details(): { shard: number; term: number; leader?: NodeId } {
    const { leader, term } = this.raft;
    const isKnown = leader !== NONE && leader !== this.raft.id;
    return { shard: shardOfGroup(this.id), term, ...(isKnown && { leader }) };
  }

  #reload({ index, term }: { readonly index: number; readonly term: number }): void {
    this.table.clear();
    this.machine.load();
    this.applied = index;
    this.raft.applied(index);
    this.bounded.applied();
    this.entryClock.restored(term);
  }
}
