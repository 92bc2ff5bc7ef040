/**
 * One replica of one Raft group: inputs as methods, output as `Ready`.
 *
 * Dispatches every input to the present role; decides nothing itself. Not re-entrant: the owner calls one method at a
 * time.
 */
import { startPreVote, stepCandidate, tickCandidate, voteIsDurable } from './candidate.js';
import { Core } from './core.js';
import { forgetLeader, stepFollower, tickFollower } from './follower.js';
import {
  entriesAreDurable,
  entriesNeeded,
  flushLeader,
  isDue,
  propose,
  readIndex,
  stepLeader,
  tickLeader,
  transferLeadership,
} from './leader.js';
import type { LogView } from './log.js';
import type { Message } from './messages.js';
import type { RaftOptions, RaftTimers } from './options.js';
import { Persistence } from './persistence.js';
import { requestTerm, enterQuarantine, recordTerm } from './quarantine.js';
import { disturbs, wake } from './quiescence.js';
import { isMember } from './quorum.js';
import type { Ready, Receipt } from './ready.js';
import { isHeldUpByDisksOfOthers } from './replication.js';
import { offerChunk, type SnapshotTransfer } from './snapshot-sender.js';
import {
  statusOf,
  type ProposeResult,
  type RaftStatus,
  type ReadResult,
  type Role,
  type TransferResult,
} from './status.js';
import { admit } from './terms.js';
import { NONE, type Configuration, type NodeId, type SnapshotMeta } from './types.js';
import { answerVote } from './voter.js';

export type { RaftOptions, RaftTimers } from './options.js';
export type { PeerStatus, ProposeResult, RaftStatus, ReadResult, Role, TransferResult } from './status.js';

/**
 * A replica. After any call that changes it, while `hasReady()`, the owner takes a `Ready` and acts on it as `ready.ts` lists.
 */
export class Raft {
  readonly #core: Core;
  readonly #persistence: Persistence;

  /** @throws Error if log, snapshot and hard state do not fit together. */

  constructor(options: RaftOptions) {
    this.#core = new Core(options);
    this.#persistence = new Persistence(options.hardState);
  }

  get id(): NodeId {
    return this.#core.id;
  }
  get role(): Role {
    return this.#core.role.type;
  }
  get term(): number {
    return this.#core.term;
  }
  get vote(): NodeId {
    return this.#core.vote;
  }
  get leader(): NodeId {
    return this.#core.leader;
  }
  get commit(): number {
    return this.#core.log.commit;
  }
  get configuration(): Configuration {
    return this.#core.configuration;
  }
  /** Quiescent: `tick` does nothing until a message or a call wakes the replica (`quiescence.ts`). */
  get quiesced(): boolean {
    const { role } = this.#core;
    return (role.type === 'follower' || role.type === 'leader') && role.quiesced;
  }
  /**
   * May reads rely on a `Lease`? Only on a leader that committed in its term (s47) and never began a transfer in it: a
   * timeout-now that is still in flight could force an election at any moment (s50).
   */
  get mayReadByLease(): boolean {
    const { role, log, options } = this.#core;
    return options.leaseReads === true && role.type === 'leader' && !role.mayBeForced && log.commit >= role.termStart;
  }
  /** Read-only view of the log; live. */
  get log(): LogView {
    return this.#core.log;
  }

  /** One tick passed, the unit of all timers in `RaftOptions`. To be called at regular intervals. */
  tick(): void {
    const core = this.#core;
    if (core.promiseTicks > 0) core.promiseTicks--;
    core.writeLag.tick(this.#persistence.issued, this.#persistence.completedTo);
    switch (core.role.type) {
      case 'follower':
        tickFollower(core, core.role);
        break;
      case 'pre-candidate':
      case 'candidate':
        tickCandidate(core, core.role);
        break;
      case 'leader':
        tickLeader(core, core.role);
        break;
    }
  }

  /**
   * Changes the timers. `stretch`: new ticks per old tick, 1 if the length of a tick does not change. To be called when
   * the owner's next tick is a whole new tick length away.
   */
  retime(timers: RaftTimers, stretch: number): void {
    this.#core.retime(timers, stretch);
  }

  /**
   * A message arrived. Ignored if it is not for this replica, or from a stranger; stale and repeated ones are harmless.
   * @throws Error if a leader replaces an entry that is committed here: safety is violated already.
   */
  step(message: Message): void {
    const core = this.#core;
    if (message.to !== core.id || message.from === core.id || !this.#concerns(message)) return;
    if (disturbs(core, message)) wake(core);
    const isAdmitted = admit(core, message);
    recordTerm(core, message);
    if (!isAdmitted) return;
    if (message.type === 'vote') {
      answerVote(core, message);
      return;
    }
    switch (core.role.type) {
      case 'follower':
        stepFollower(core, core.role, message);
        break;
      case 'pre-candidate':
      case 'candidate':
        stepCandidate(core, core.role, message);
        break;
      case 'leader':
        stepLeader(core, core.role, message);
        break;
    }
  }

  /** Strangers are ignored, except by a replica outside its own configuration, which cannot tell who is one. */
  #concerns(message: Message): boolean {
    const { configuration, id } = this.#core;
    return isMember(configuration, message.from) || !isMember(configuration, id);
  }

  /** Appends one entry per item, consecutive, if this replica leads. All or nothing. The bytes must not change later. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    const core = this.#core;
    if (core.role.type === 'leader') return propose(core, core.role, data);
    wake(core);
    return { type: 'refused', reason: 'not-leader', leader: core.leader };
  }

  /** Requests a confirmation of leadership; the context then appears in `Ready.reads` or `Ready.readsLost`. */
  readIndex(): ReadResult {
    const core = this.#core;
    if (core.role.type === 'leader') return readIndex(core, core.role);
    wake(core);
    return { type: 'refused', leader: core.leader };
  }

  /** Starts an election now, pre-vote first: used by a group's preferred leader when the group is created. */
  campaign(): void {
    const core = this.#core;
    wake(core);
    if (core.role.type !== 'leader') startPreVote(core);
  }

  /** Hands leadership to voter `to` once its log is level; proposals are refused meanwhile, for an election timeout at most. */
  transferLeadership(to: NodeId): TransferResult {
    const core = this.#core;
    if (core.role.type === 'leader') return transferLeadership(core, core.role, to);
    wake(core);
    return 'not-leader';
  }

  /**
   * Ends quiescence, for a client request. A follower requests its quiescent leader's term, which wakes that too: otherwise
   * followers that woke together would find their leader silent, and elect another.
   */
  wake(): void {
    const core = this.#core;
    if (core.role.type === 'follower' && core.role.quiesced && core.leader !== NONE) requestTerm(core, core.leader);
    wake(core);
  }

  /** The owner knows that the leader is dead: votes may be granted at once, and this replica campaigns soon (s74). */
  forgetLeader(): void {
    const core = this.#core;
    wake(core);
    if (core.role.type === 'follower') forgetLeader(core, core.role);
  }

  /**
   * The owner knows that the disk of this replica went back in time: its acknowledgements do not count until it has
   * caught up (`quarantine.ts`). `boot`: a number > 0 that no earlier process of this node used.
   */
  quarantine(boot: number): void {
    if (enterQuarantine(this.#core, boot)) this.#persistence.suppressIssued();
  }

  /** Boot number of the quarantine that it is in; undefined: it is in none. */
  get quarantinedBoot(): number | undefined {
    return this.#core.quarantine?.boot;
  }

  /** It is in no quarantine, and the term and vote with which it left one are durable. May become false again. */
  get quarantineIsOver(): boolean {
    return this.#core.quarantine === undefined && this.#persistence.hardStateDurable(this.#core);
  }

  /** May `Write.messages` be sent once the write is durable? Not if it was handed out before a quarantine began. */
  maySend(receipt: Receipt): boolean {
    return this.#persistence.maySend(receipt);
  }

  /** The link to `peer` broke: what was in flight is lost. Only heartbeats are sent until it answers one. */
  reportUnreachable(peer: NodeId): void {
    const { role } = this.#core;
    if (role.type === 'leader') role.peers.get(peer)?.unreachable();
  }

  /** `peer` stopped answering, but what was sent may still arrive. Only heartbeats are sent until it answers one. */
  reportSilent(peer: NodeId): void {
    const { role } = this.#core;
    if (role.type === 'leader') role.peers.get(peer)?.silent();
  }

  /** A message of a `Ready` was not sent, for lack of room or of a link. Optional: saves the time to detect the loss. */
  reportNotSent(message: Message): void {
    const { role } = this.#core;
    if (role.type !== 'leader' || message.type !== 'append') return;
    role.peers.get(message.to)?.notSent(message.prevIndex);
  }

  /** The write of an earlier `Ready`, and all before it, are durable. @throws Error for a receipt that was never issued. */
  persisted(receipt: Receipt): void {
    const core = this.#core;
    this.#persistence.completed(core, receipt);
    switch (core.role.type) {
      case 'leader':
        entriesAreDurable(core, core.role);
        break;
      case 'candidate':
        if (this.#persistence.hardStateDurable(core)) voteIsDurable(core, core.role);
        break;
      case 'follower':
      case 'pre-candidate':
        break;
    }
  }

  /** The state machine holds everything up to `index`. @throws Error beyond what `Ready.committed` delivered. */
  applied(index: number): void {
    this.#core.log.appliedTo(index);
  }

  /**
   * For each member that is not gone, the first index that it still needs and the log has (the one behind its snapshot, if
   * one is being sent). Compaction may wait for these members; otherwise they get a snapshot. Empty unless this replica
   * leads.
   */
  entriesNeeded(): number[] {
    const core = this.#core;
    return core.role.type === 'leader' ? entriesNeeded(core, core.role) : [];
  }

  /** Drops the log up to and including `index`, which a durable checkpoint must cover. @throws Error beyond `applied`. */
  compact(index: number): void {
    this.#core.log.compact(index);
  }

  /** Supplies a chunk of `Ready.chunksWanted`. `meta`: of the snapshot it belongs to. One that is not wanted is ignored. */
  offerChunk(to: NodeId, meta: SnapshotMeta, sequence: number, data: Uint8Array, done: boolean): void {
    const core = this.#core;
    const peer = core.role.type === 'leader' ? core.role.peers.get(to) : undefined;
    if (peer !== undefined) offerChunk(core, peer, { meta, sequence, data, done });
  }

  /**
   * The snapshot being sent to `to`: `sequence` is the chunk (as in `Ready.chunksWanted`) that is wanted or, if
   * `isUnderWay`, was offered and not answered yet. Undefined if `to` needs none, or this replica does not lead.
   */
  snapshotTo(to: NodeId): Pick<SnapshotTransfer, 'sequence' | 'isUnderWay' | 'meta'> | undefined {
    const { role } = this.#core;
    return role.type === 'leader' ? role.peers.get(to)?.transfer : undefined;
  }

  /** No message came from `to` for ten election timeouts, or this replica does not lead. */
  isGone(to: NodeId): boolean {
    const { role } = this.#core;
    return role.type !== 'leader' || role.peers.get(to)?.isGone !== false;
  }

  /** The wanted chunk is not available now: the core asks again later, for the first chunk of a snapshot. */
  chunkUnavailable(to: NodeId): void {
    const { role } = this.#core;
    if (role.type === 'leader') role.peers.get(to)?.transfer?.unavailable();
  }

  /** Term of the entry at `index`, from `log.snapshotIndex` to `log.lastIndex`; undefined elsewhere. */
  termAt(index: number): number | undefined {
    return this.#core.log.termAt(index);
  }

  /** Is there output to take? */
  hasReady(): boolean {
    const core = this.#core;
    return (
      !core.outbox.isEmpty ||
      core.log.hasCommitted ||
      this.#persistence.hasWork(core) ||
      (core.role.type === 'leader' && isDue(core.role))
    );
  }

  /** Takes all pending output. See `ready.ts` for what to do with it. */
  ready(): Ready {
    const core = this.#core;
    const { outbox, log } = core;
    if (core.role.type === 'leader') flushLeader(core, core.role);
    // First: held messages that need not wait for a write join the others.
    const write = this.#persistence.take(core);
    return {
      messages: outbox.takeMessages(),
      write,
      committed: log.takeCommitted(),
      reads: outbox.takeReads(),
      readsLost: outbox.takeReadsLost(),
      chunksWanted: outbox.takeChunksWanted(),
    };
  }

  /** This replica leads, and only writes on the disks of other members are missing for the next commit. */
  get isHeldUpByDisksOfOthers(): boolean {
    const { role } = this.#core;
    return role.type === 'leader' && isHeldUpByDisksOfOthers(this.#core, role);
  }

  status(): RaftStatus {
    return statusOf(this.#core, this.quiesced);
  }
}
