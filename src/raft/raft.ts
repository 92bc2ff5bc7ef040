/**
 * One replica of one Raft group: inputs as methods, output as `Ready`.
 *
 * Sorts every input to the role that the replica has; decides nothing itself. Not reentrant: an owner calls one
 * method at a time.
 */
import { startPreCandidacy, stepCandidate, tickCandidate, voteIsDurable } from './candidate.js';
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
import { askForTerm, enterQuarantine, noteTerm } from './quarantine.js';
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

export class Raft {
  readonly #core: Core;
  readonly #persistence: Persistence;

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
  /** Falls quiet on its own; `tick` then does nothing until a message or a call wakes the group. */
  get quiesced(): boolean {
    const { role } = this.#core;
    return (role.type === 'follower' || role.type === 'leader') && role.quiesced;
  }
  /**
   * Would a lease be worth anything? Only to a leader that committed in its term (s47) and never began a transfer in it:
   * a timeout-now that is still on its way could force an election at any moment (s50).
   */
  get mayReadByLease(): boolean {
    const { role, log, options } = this.#core;
    return options.leaseReads === true && role.type === 'leader' && !role.mayBeForced && log.commit >= role.termStart;
  }
  /** The log as it is at this moment, to look at. */
  get log(): LogView {
    return this.#core.log;
  }

  /** One unit of time. */
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
   * Other timers from now on. `stretch`: how many of the new ticks make one of the old, 1 if ticks go on as they were.
   * To be called when the owner's next tick is a whole new one away.
   */
  retime(timers: RaftTimers, stretch: number): void {
    this.#core.retime(timers, stretch);
  }

  step(message: Message): void {
    const core = this.#core;
    if (message.to !== core.id || message.from === core.id || !this.#concerns(message)) return;
    if (disturbs(core, message)) wake(core);
    const isAdmitted = admit(core, message);
    noteTerm(core, message);
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

  /** Strangers are not heard, except by a replica that is not in its own configuration and so cannot tell who is one. */
  #concerns(message: Message): boolean {
    const { configuration, id } = this.#core;
    return isMember(configuration, message.from) || !isMember(configuration, id);
  }

  /** One entry per item, consecutive. Nothing is appended when refused. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    const core = this.#core;
    if (core.role.type === 'leader') return propose(core, core.role, data);
    wake(core);
    return { type: 'refused', reason: 'not-leader', leader: core.leader };
  }

  /** Asks for a confirmation of leadership after this moment; the context appears in `reads` or `readsLost`. */
  readIndex(): ReadResult {
    const core = this.#core;
    if (core.role.type === 'leader') return readIndex(core, core.role);
    wake(core);
    return { type: 'refused', leader: core.leader };
  }

  /** Starts an election now (pre-vote first): used by a group's preferred leader at its start. */
  campaign(): void {
    const core = this.#core;
    wake(core);
    if (core.role.type !== 'leader') startPreCandidacy(core);
  }

  transferLeadership(to: NodeId): TransferResult {
    const core = this.#core;
    if (core.role.type === 'leader') return transferLeadership(core, core.role, to);
    wake(core);
    return 'not-leader';
  }

  /**
   * The clock of a quiet group runs again: somebody wants something of it. A quiet leader is asked for its term, which
   * wakes it: else two followers that woke together would take its quiet for its absence, and elect another.
   */
  wake(): void {
    const core = this.#core;
    if (core.role.type === 'follower' && core.role.quiesced && core.leader !== NONE) askForTerm(core, core.leader);
    wake(core);
  }

  /** The owner knows that the leader is dead: forget it, so that votes can be given at once, and stand soon (s74). */
  forgetLeader(): void {
    const core = this.#core;
    wake(core);
    if (core.role.type === 'follower') forgetLeader(core, core.role);
  }

  /**
   * The disk of this replica went back in time, as its owner learned: what it says counts no longer, until it was
   * brought up (`quarantine.ts`). `life`: a number > 0 that no earlier process of this node used.
   */
  quarantine(life: number): void {
    if (enterQuarantine(this.#core, life)) this.#persistence.silence();
  }

  /** The life whose quarantine it is in; undefined: it is in none. */
  get quarantinedLife(): number | undefined {
    return this.#core.quarantine?.life;
  }

  /** It is in no quarantine, and term and vote with which it left one are on disk. Need not stay true for good. */
  get quarantineIsOver(): boolean {
    return this.#core.quarantine === undefined && this.#persistence.hardStateDurable(this.#core);
  }

  /** May the messages of this write be sent, once it is durable? No if it was handed out before a quarantine began. */
  maySay(receipt: Receipt): boolean {
    return this.#persistence.maySay(receipt);
  }

  /** The link to `peer` broke: what was under way is lost. Nothing is sent to it before it answers a heartbeat. */
  reportUnreachable(peer: NodeId): void {
    const { role } = this.#core;
    if (role.type === 'leader') role.peers.get(peer)?.unreachable();
  }

  /** Nothing is heard of `peer`, but what was sent may yet arrive: nothing more is sent before it answers a heartbeat. */
  reportSilent(peer: NodeId): void {
    const { role } = this.#core;
    if (role.type === 'leader') role.peers.get(peer)?.silent();
  }

  /** A message of a `Ready` could not leave, for want of room or of a link: the core need not guess so. */
  reportNotSent(message: Message): void {
    const { role } = this.#core;
    if (role.type !== 'leader' || message.type !== 'append') return;
    role.peers.get(message.to)?.notSent(message.prevIndex);
  }

  /** A write of an earlier `Ready` is durable. */
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

  applied(index: number): void {
    this.#core.log.appliedTo(index);
  }

  /**
   * For each member that was heard of late, the first entry that it still needs of those that the log has (what comes
   * behind its snapshot, if one is on its way). Compaction may wait for them, or not: then they get a snapshot. Empty
   * unless this replica leads.
   */
  entriesNeeded(): number[] {
    const core = this.#core;
    return core.role.type === 'leader' ? entriesNeeded(core, core.role) : [];
  }

  /** Drops the log up to and including `index` (≤ applied, and behind a durable checkpoint). */
  compact(index: number): void {
    this.#core.log.compact(index);
  }

  /** An answer to `chunksWanted`. */
  offerChunk(to: NodeId, meta: SnapshotMeta, sequence: number, data: Uint8Array, done: boolean): void {
    const core = this.#core;
    const peer = core.role.type === 'leader' ? core.role.peers.get(to) : undefined;
    if (peer !== undefined) offerChunk(core, peer, { meta, sequence, data, done });
  }

  /**
   * The snapshot on its way to `to`: which chunk (as `chunksWanted` numbers them) is wanted or, once it was offered and
   * until it is answered, under way. Undefined when `to` needs none, or this replica does not lead.
   */
  snapshotTo(to: NodeId): Pick<SnapshotTransfer, 'sequence' | 'isUnderWay' | 'meta'> | undefined {
    const { role } = this.#core;
    return role.type === 'leader' ? role.peers.get(to)?.transfer : undefined;
  }

  /** Nothing was heard of `to` for ten election timeouts, or this replica does not lead. */
  isGone(to: NodeId): boolean {
    const { role } = this.#core;
    return role.type !== 'leader' || role.peers.get(to)?.isGone !== false;
  }

  /** The chunk asked for cannot be had now; the core asks again later. */
  chunkUnavailable(to: NodeId): void {
    const { role } = this.#core;
    if (role.type === 'leader') role.peers.get(to)?.transfer?.unavailable();
  }

  /** A term at an index, if the log (or its snapshot's end) still has it. */
  termAt(index: number): number | undefined {
    return this.#core.log.termAt(index);
  }

  hasReady(): boolean {
    const core = this.#core;
    return (
      !core.outbox.isEmpty ||
      core.log.hasCommitted ||
      this.#persistence.hasWork(core) ||
      (core.role.type === 'leader' && isDue(core.role))
    );
  }

  ready(): Ready {
    const core = this.#core;
    const { outbox, log } = core;
    if (core.role.type === 'leader') flushLeader(core, core.role);
    // First: what need not wait for it joins the messages.
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

  /** Of a leader: for what is to be committed next, only the disks of others are missing (`replication.ts`). */
  get isHeldUpByDisksOfOthers(): boolean {
    const { role } = this.#core;
    return role.type === 'leader' && isHeldUpByDisksOfOthers(this.#core, role);
  }

  status(): RaftStatus {
    return statusOf(this.#core, this.quiesced);
  }
}
