/**
 * What a replica has in every role: term, vote, log, configuration, what it is about to say; and the way back to
 * follower, which every other role may have to go.
 *
 * Knows no message handling. Imports follow a node's life: follower → candidate → leader → core.
 */
import { Lag } from './lag.js';
import { SHORT_TICKS } from './lease.js';
import { Log } from './log.js';
import type { RaftOptions, RaftTimers } from './options.js';
import { Outbox } from './outbox.js';
import type { Window } from './progress.js';
import type { Follower, RoleState } from './roles.js';
import { NONE, type Configuration, type NodeId, type SnapshotMeta } from './types.js';

/** A snapshot that arrives chunk by chunk. */
export interface IncomingSnapshot {
  readonly meta: SnapshotMeta;
  /** Chunk that comes next. */
  next: number;
}

export interface Quarantine {
  readonly life: number;
  /** Members that have told their terms since it began, none higher than this replica's own. */
  readonly told: Set<NodeId>;
  ticks: number;
}

export class Core {
  readonly id: NodeId;
  options: RaftOptions;
  readonly log: Log;
  /** What may be under way to one follower. */
  readonly window: Window;
  readonly outbox = new Outbox();
  configuration: Configuration;
  term: number;
  vote: NodeId;
  role: RoleState;
  /** How long the disk has owed the completion of a write. */
  readonly writeLag = new Lag();
  /**
   * From this term's leader, who is the same however often this replica has doubted it: a follower that hears nothing
   * for a while on a link that is busy with chunks, and asks for pre-votes, goes on with the snapshot afterwards.
   */
  incoming: IncomingSnapshot | undefined;
  /** Newest read context given out; contexts are never used twice, in no term. */
  lastContext = 0;
  /**
   * With `leaseReads`: ticks for which a leader heard (`promisedTo`) may count on no vote going to anybody else, whatever
   * role, term or campaign comes in between. A restart forgets whom it was promised to, but not that it may have been.
   */
  promiseTicks: number;
  promisedTo: NodeId = NONE;
  /** While its disk is known to have gone back in time: what it says does not count (`quarantine.ts`). */
  quarantine: Quarantine | undefined;
  /** The last life whose quarantine it has left. */
  released: number | undefined;

  constructor(options: RaftOptions) {
    const { hardState, snapshot, entries } = options;
    this.id = options.id;
    this.options = options;
    this.window = { appends: options.maxInflight, bytes: options.maxInflightBytes ?? Infinity };
    this.log = new Log(snapshot, entries, hardState.commit);
    if (this.log.lastTerm > hardState.term) {
      throw new Error(`the log ends in term ${this.log.lastTerm}, but the hard state says ${hardState.term}`);
    }
    this.configuration = snapshot.index > 0 ? snapshot.configuration : options.configuration;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.role = this.#follower(NONE);
    const { quarantine: life, released } = options;
    this.released = released;
    this.quarantine = life === undefined ? undefined : { life, told: new Set(), ticks: 0 };
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

  /** A leader was heard. What was promised before, with longer timers, still holds. */
  promise(leader: NodeId): void {
    if (this.options.leaseReads !== true) return;
    this.promiseTicks = Math.max(this.promiseTicks, this.options.electionTicks);
    this.promisedTo = leader;
  }

  /** Other timers from now on. `stretch`: new ticks that make an old one; what was promised holds for its whole time. */
  retime(timers: RaftTimers, stretch: number): void {
    this.options = { ...this.options, ...timers };
    if (this.promiseTicks > 0 && stretch !== 1) {
      this.promiseTicks = Math.ceil(this.promiseTicks * stretch) + SHORT_TICKS;
    }
    if (this.role.type === 'leader') return;
    this.role.electionElapsed = 0;
    this.role.electionTimeout = this.drawTimeout();
  }

  /** A time in [T, 2T), drawn for every attempt, so that two nodes rarely stand at once (s10). */
  drawTimeout(): number {
    const { electionTicks, random } = this.options;
    return electionTicks + Math.floor(random() * electionTicks);
  }

  /**
   * Becomes follower of `leader` in `term` (≥ its own). A follower that only learns of a new term keeps its clock:
   * a candidate that cannot win must not be able to put off everyone else's election.
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
      electionTimeout: this.drawTimeout(),
      matched: this.log.commit,
      quiesced: false,
    };
  }
}
