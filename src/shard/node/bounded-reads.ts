/**
 * Stale reads with a bound (`ReadBound`): they wait here, at whichever replica they came to, until it meets their bound.
 *
 * - A revision: once it is applied.
 * - A staleness: once the commit index of a confirmed round is applied which began no longer before the read came than its
 *   bound. A leader runs such rounds; a follower asks its leader for one, also where the group is quiet. To the follower
 *   the round began when it *sent* the question: the leader took its commit index after that, so whatever was acknowledged
 *   before is covered, however long the answer takes. Only its own monotonic clock is read.
 *
 * At most one question is under way, unless its answer is late: reads that it does not cover wait for the next. What is
 * known of a round holds whoever leads afterwards.
 */
import { NONE, type GroupId, type NodeId, type Raft, type Ready } from '../../raft/index.js';
import { shardOfGroup } from '../cluster/index.js';
import { refuse } from '../errors.js';
import type { Answer, KvRead, ReadBound } from '../operation.js';
import type { Logger } from '../runtime.js';
import { serveReads } from './operation-faults.js';
import type { Waiter } from './pending.js';

/** Called with the index of a confirmed round; undefined: the leader that was asked does not lead. */
export type IndexCallback = (index: number | undefined) => void;

/** Asks a node for the index of a round (`read-index-request`); false: it was not sent. */
export type AskIndex = (leader: NodeId, group: GroupId, id: number) => boolean;

export interface BoundedReadsOptions {
  readonly group: GroupId;
  readonly raft: Pick<Raft, 'id' | 'leader' | 'role' | 'readIndex'>;
  readonly now: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly askIndex: AskIndex;
  readonly applied: () => number;
  readonly serve: (read: KvRead) => Answer;
  readonly refuseAsNotLeader: (waiter: Waiter) => void;
  readonly logger: Logger;
}

interface WaitingRead extends Pick<ReadBound, 'minRevision'> {
  readonly waiter: Waiter;
  /** A round that began then, or later, meets the bound; undefined: it needs none. */
  readonly fromMs: number | undefined;
}

/** A round, under its context here, or under the id of a question to another. */
interface Asked {
  readonly id: number;
  /** Who runs it. */
  readonly leader: NodeId;
  readonly sentMs: number;
}

interface Round {
  readonly sentMs: number;
  readonly index: number;
}

interface Question {
  readonly context: number;
  readonly done: IndexCallback;
}

/** The answer to a question is late: another is sent. Longer than a round takes, unless links are narrow. */
const LATE_MS = 250;
/** Questions under way, and rounds whose index is not applied: older ones are forgotten, which only prolongs a wait. */
const MAX_KEPT = 16;
/** First ids are below this, so that ids stay exact. */
const FIRST_IDS = 2 ** 32;

export class BoundedReads {
  readonly #options: BoundedReadsOptions;
  #waiting: WaitingRead[] = [];
  /** Rounds of this replica's own, while it leads; or questions, while it follows. */
  #asked: Asked[] = [];
  /** Confirmed, not applied yet; oldest first. */
  #confirmed: Round[] = [];
  /** The newest round whose index is applied. */
  #newest: Round | undefined;
  /** Of other replicas, under way here. */
  #questions: Question[] = [];
  #lastId: number | undefined;

  constructor(options: BoundedReadsOptions) {
    this.#options = options;
  }

  /** Reads that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** @param bound of the read */
  read(waiter: Waiter, bound: ReadBound): void {
    const { minRevision, maxStalenessMs } = bound;
    const now = this.#options.now();
    const fromMs = maxStalenessMs === undefined ? undefined : now - maxStalenessMs;
    const read = { minRevision, waiter, fromMs };
    if (this.#isMet(read)) {
      this.#serve([read]);
      return;
    }
    this.#waiting.push(read);
    this.#askIfNeeded(now);
  }

  /** Another replica asks for the index of a round that begins now. */
  question(done: IndexCallback): void {
    const { raft } = this.#options;
    const result = raft.role === 'leader' ? raft.readIndex() : undefined;
    if (result?.type === 'accepted') this.#questions.push({ context: result.context, done });
    else done(undefined);
  }

  /** `from` has answered a question. */
  answered(from: NodeId, id: number, index: number | undefined): void {
    this.#settle(from, id, index);
  }

  /** Rounds of this replica were confirmed, or lost. */
  settle({ reads, readsLost }: Pick<Ready, 'reads' | 'readsLost'>): void {
    if (this.#asked.length === 0 && this.#questions.length === 0) return;
    for (const { context, index } of reads) {
      this.#answerQuestion(context, index);
      this.#settle(this.#options.raft.id, context, index);
    }
    for (const context of readsLost) this.#answerQuestion(context, undefined);
  }

  /** More entries, or a snapshot, were applied. */
  applied(): void {
    if (this.#confirmed.length === 0 && this.#waiting.length === 0) return;
    const applied = this.#options.applied();
    for (let round = this.#confirmed[0]; round !== undefined && round.index <= applied; round = this.#confirmed[0]) {
      this.#newest = round;
      this.#confirmed.shift();
    }
    this.#serveMet();
  }

  /** What was asked is lost. */
  leadershipChanged(): void {
    this.#asked = [];
    if (this.#waiting.length > 0) this.#askIfNeeded(this.#options.now());
  }

  /** Refuses reads that are past their deadline, so that another replica is asked. */
  expire(now: number): void {
    if (this.#waiting.length === 0) return;
    const shard = shardOfGroup(this.#options.group);
    const expired = this.#waiting.filter(({ waiter }) => waiter.deadline <= now);
    this.#waiting = this.#waiting.filter(({ waiter }) => waiter.deadline > now);
    for (const { waiter } of expired) {
      waiter.done(refuse('timeout', 'the replica did not meet the bound in time', { shard }, 'not_applied'));
    }
    this.#askIfNeeded(now);
  }

  /** Takes the reads that wait, and denies what others asked: the node leaves. */
  takeAll(): readonly Waiter[] {
    for (const { done } of this.#questions.splice(0)) done(undefined);
    return this.#waiting.splice(0).map(({ waiter }) => waiter);
  }

  #serveMet(): void {
    if (this.#waiting.length === 0) return;
    const met: WaitingRead[] = [];
    const left: WaitingRead[] = [];
    for (const read of this.#waiting) (this.#isMet(read) ? met : left).push(read);
    this.#waiting = left;
    this.#serve(met);
  }

  #serve(met: readonly WaitingRead[]): void {
    const { serve, logger } = this.#options;
    const waiters = met.map(({ waiter }) => waiter);
    serveReads(waiters, serve, logger);
  }

  #isMet({ minRevision = 0, fromMs }: WaitingRead): boolean {
    if (this.#options.applied() < minRevision) return false;
    return fromMs === undefined || (this.#newest !== undefined && this.#newest.sentMs >= fromMs);
  }

  /** Asks for a round if some read waits for a later one than were confirmed. */
  #askIfNeeded(now: number): void {
    const last = this.#asked.at(-1);
    if (last !== undefined && now - last.sentMs < LATE_MS) return;
    const known = (this.#confirmed.at(-1) ?? this.#newest)?.sentMs ?? -Infinity;
    if (!this.#waiting.some(({ fromMs }) => fromMs !== undefined && fromMs > known)) return;
    if (!this.#ask(now)) this.#refuseUnasked();
  }

  #ask(now: number): boolean {
    const { raft, group, askIndex } = this.#options;
    const { leader } = raft;
    const isOwn = raft.role === 'leader';
    const id = isOwn ? this.#ownRound() : this.#nextId();
    if (!isOwn && (leader === NONE || !askIndex(leader, group, id))) return false;
    this.#asked.push({ id, leader, sentMs: now });
    if (this.#asked.length > MAX_KEPT) this.#asked.shift();
    return true;
  }

  #ownRound(): number {
    const result = this.#options.raft.readIndex();
    if (result.type === 'refused') throw new Error('a leader refused a round');
    return result.context;
  }

  #nextId(): number {
    this.#lastId = (this.#lastId ?? Math.floor(this.#options.random() * FIRST_IDS)) + 1;
    return this.#lastId;
  }

  /** There is nobody to ask: the reads that wait for it are for others. */
  #refuseUnasked(): void {
    const refused = this.#waiting.filter(({ fromMs }) => fromMs !== undefined);
    this.#waiting = this.#waiting.filter(({ fromMs }) => fromMs === undefined);
    for (const { waiter } of refused) this.#options.refuseAsNotLeader(waiter);
  }

  #settle(leader: NodeId, id: number, index: number | undefined): void {
    const at = this.#asked.findIndex((asked) => asked.id === id && asked.leader === leader);
    const asked = this.#asked[at];
    if (asked === undefined) return;
    this.#asked.splice(0, at + 1);
    if (index === undefined) {
      this.#refuseUnasked();
      return;
    }
    this.#confirmed.push({ sentMs: asked.sentMs, index });
    if (this.#confirmed.length > MAX_KEPT) this.#confirmed.shift();
    this.applied();
    this.#askIfNeeded(this.#options.now());
  }

  #answerQuestion(context: number, index: number | undefined): void {
    const at = this.#questions.findIndex((question) => question.context === context);
    if (at >= 0) for (const { done } of this.#questions.splice(at, 1)) done(index);
  }
}
