/**
 * State of a replica in every role: term, vote, log, configuration, pending output; and the step down to follower, which
 * every role needs.
 *
 * Message handling is in the files of the roles, which import each other as roles follow: follower → candidate → leader
 * → core.
 */
import { Lag } from './lag.js';
import { SHORT_TICKS } from './lease.js';
import { Log } from './log.js';
import type { RaftOptions, RaftTimers } from './options.js';
import { Outbox } from './outbox.js';
import type { InflightLimit } from './progress.js';
import type { Follower, RoleState } from './roles.js';
import { NONE, type Configuration, type NodeId, type SnapshotMeta } from './types.js';

/** A snapshot that arrives chunk by chunk. */
export interface IncomingSnapshot {
  readonly meta: SnapshotMeta;
  /** Sequence number of the next chunk. */
  next: number;
}

export interface Quarantine {
  /** Number of the process start that began it. */
  readonly boot: number;
  /** Members whose terms were seen since it began, none higher than this replica's own. */
  readonly termsSeen: Set<NodeId>;
  ticks: number;
}

/** What recovery found goes into the log and is not kept here: entries would stay in memory after they were compacted. */
type LastingOptions = Omit<RaftOptions, 'hardState' | 'snapshot' | 'entries'>;

export class Core {
  readonly id: NodeId;
  options: LastingOptions;
  readonly log: Log;
  /** What may be in flight to one follower. */
  readonly inflightLimit: InflightLimit;
  readonly outbox = new Outbox();
  configuration: Configuration;
  term: number;
  vote: NodeId;
  role: RoleState;
  /** How long the oldest write has been incomplete. */
  readonly writeLag = new Lag();
  /**
   * From this term's leader. Survives a pre-candidacy: a follower that hears nothing for a while on a link that is busy
   * with chunks, and requests pre-votes, goes on with the snapshot afterwards.
   */
  incoming: IncomingSnapshot | undefined;
  /** Newest read context issued; contexts are never reused, not even in another term. */
  lastContext = 0;
  /**
   * With `leaseReads`: ticks for which no vote may go to anybody but `promisedTo`, whatever role, term or campaign comes in
   * between. After a restart it is unknown to whom the vote was promised, but the time still has to pass.
   */
  promiseTicks: number;
  promisedTo: NodeId = NONE;
  /** Set while its disk is known to have gone back in time: its acknowledgements do not count (`quarantine.ts`). */
  quarantine: Quarantine | undefined;
  /** The boot of the last quarantine that it left. */
  released: number | undefined;

  constructor(options: RaftOptions) {
    const { hardState, snapshot, entries, ...lasting } = options;
    this.id = options.id;
    this.options = lasting;
    this.inflightLimit = { appends: options.maxInflight, bytes: options.maxInflightBytes ?? Infinity };
    this.log = new Log(snapshot, entries, hardState.commit);
    if (this.log.lastTerm > hardState.term) {
      throw new Error(`the log ends in term ${this.log.lastTerm}, but the hard state is of term ${hardState.term}`);
    }
    this.configuration = snapshot.index > 0 ? snapshot.configuration : options.configuration;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.role = this.#follower(NONE);
    const { quarantine: boot, released } = options;
    this.released = released;
    this.quarantine = boot === undefined ? undefined : { boot, termsSeen: new Set(), ticks: 0 };
    const ownTicks = options.leaseReads === true ? options.electionTicks : 0;
    this.promiseTicks = hardState.term > 0 ? Math.max(ownTicks, options.owedTicks ?? 0) : 0;
  }

  get leader(): NodeId {
    switch (this.role.type) {
      case 'follower':
        return this.role.leader;
      case 'leader':
        return this.id;
      case 'pre-candidate':
      case 'candidate':
        return NONE;
    }
  }

  /** A write has been under way for an election timeout. */
  get diskHangs(): boolean {
    return this.writeLag.ticks >= this.options.electionTicks;
  }

  /** A message of the leader came: promises it the vote. An earlier promise, under longer timers, still holds. */
  promise(leader: NodeId): void {
    if (this.options.leaseReads !== true) return;
    this.promiseTicks = Math.max(this.promiseTicks, this.options.electionTicks);
    this.promisedTo = leader;
  }

  /** Changes the timers. `stretch`: new ticks per old tick; a promise holds for the whole time that it was given for. */
  retime(timers: RaftTimers, stretch: number): void {
    this.options = { ...this.options, ...timers };
    if (this.promiseTicks > 0 && stretch !== 1) {
      this.promiseTicks = Math.ceil(this.promiseTicks * stretch) + SHORT_TICKS;
    }
    if (this.role.type === 'leader') return;
    this.role.electionElapsed = 0;
    this.role.electionTimeout = this.randomElectionTimeout();
  }

  /** Ticks in [T, 2T), drawn anew for every attempt, so that two nodes rarely campaign at once (s10). */
  randomElectionTimeout(): number {
    const { electionTicks, random } = this.options;
    return electionTicks + Math.floor(random() * electionTicks);
  }

  /**
   * Becomes follower of `leader` in `term` (≥ its own). A follower that only learns of a new term keeps its election timer:
   * a candidate that cannot win must not be able to delay everyone else's election.
   */
  becomeFollower(term: number, leader: NodeId): void {
    const before = this.role;
    if (before.type === 'leader') this.outbox.loseReads(before.reads.contexts());
    if (term > this.term) {
      this.term = term;
      this.vote = NONE;
      this.incoming = undefined;
      this.outbox.dropHeld();
    }
    const after = this.#follower(leader);
    if (before.type === 'follower' && leader === NONE) {
      after.electionElapsed = before.electionElapsed;
      after.electionTimeout = before.electionTimeout;
    }
    this.role = after;
  }

  #follower(leader: NodeId): Follower {
    return {
      type: 'follower',
      leader,
      electionElapsed: 0,
      electionTimeout: this.randomElectionTimeout(),
      matched: this.log.commit,
      quiesced: false,
    };
  }
}
