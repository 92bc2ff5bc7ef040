/**
 * The part of a shard in transactions over several (`transaction.ts`): votes, locks, decisions.
 *
 * A prepared transaction is kept in memory with its prepare and the time of its entry; a decided one, until *forget*, with
 * its decision. A checkpoint writes a row of each that is still kept (`transaction-rows.ts`). A vote other than yes, and a
 * decision after *forget*, is an entry of the dedup table under the transaction's id. So a late message about a transaction
 * finds what was answered before, as the repeat of a write does.
 *
 * The changes of a part are kept in memory only. Where they are not, because the prepare was applied before a restart or a
 * snapshot, the decision evaluates the part again, with the time of its prepare. No other entry can have changed what it
 * reads or writes, because it holds these keys.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { binaryString } from '../big-endian.js';
import { refuse } from '../errors.js';
import { decodeOutcome, encodeOutcome } from '../program-codec.js';
import { decodeTransactionReply, encodeTransactionReply } from '../transaction-codec.js';
import {
  PENDING_REVISION,
  type ClientId,
  type Conclude,
  type Decide,
  type Decision,
  type OpenTransaction,
  type Prepare,
  type SingleMessage,
  type SingleReply,
  type TransactionMessage,
  type TransactionPart,
  type TransactionReply,
  type Vote,
} from '../transaction.js';
import { withoutResults } from './answers.js';
import { branchVote, mayKeep } from './branch-vote.js';
import { isReplayOf, keepAnswer, replayOf } from './client-answers.js';
import type { Dedup } from './dedup.js';
import type { Evaluation } from './evaluation.js';
import { locksOf } from './lock-needs.js';
import { operationTimeMs } from './command.js';
import { Locks, type Holder, type LockSet } from './locks.js';
import type { StateStore } from './state-store.js';
import type { Decided, Prepared } from './transaction-row.js';
import { TransactionRows } from './transaction-rows.js';
import { isLongerThan } from './vote-size.js';

/** Bytes of a vote; a longer one fails its transaction. Rows and frames have to hold it. */
const MAX_VOTE_BYTES = 8 * 1024 * 1024;

export interface TransactionContext {
  readonly store: StateStore;
  readonly dedup: Dedup;
  /** @param isHeld keys that must not be expired, though they are due */
  readonly evaluation: (given: {
    readonly index: number;
    readonly clockMs: number;
    readonly revision: number;
    readonly valueLimit: number;
    readonly answerLimit: number | undefined;
    readonly isHeld: (key: StateKey) => boolean;
  }) => Evaluation;
  /** Revision of the shard's last deletion. */
  readonly lastDeletion: () => number;
}

/** A message about a transaction, as an entry has it. */
export interface TransactionStep<Message extends TransactionMessage = TransactionMessage> {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly message: Message;
  /** Its bytes. */
  readonly body: Uint8Array;
}

/** The entry that is applied. */
export interface TransactionEntry {
  readonly index: number;
  /** Replicated time, ms. */
  readonly clockMs: number;
  /** It was proposed before, perhaps so long ago that its reply was evicted. */
  readonly isRepeated: boolean;
}

/** What a part has come to, kept aside until it is decided; undefined: to be evaluated then. */
interface Evaluated {
  readonly then: Evaluation | undefined;
  readonly otherwise: Evaluation | undefined;
}

/** A prepared transaction with its keys. */
interface Holding extends Prepared {
  readonly locks: LockSet;
  readonly evaluated: Evaluated;
}

export interface TransactionsState {
  readonly count: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

export class Transactions {
  readonly locks = new Locks();
  /** Rises whenever keys are let go. */
  releases = 0;
  readonly #open = new Map<Holder, Holding | Decided>();
  /** Prepared transactions by the id that a client chose for them. */
  readonly #byClient = new Map<string, Holder>();
  readonly #rows: TransactionRows;
  readonly #context: TransactionContext;

  constructor(context: TransactionContext) {
    this.#context = context;
    this.#rows = new TransactionRows(context.store, this.#open);
  }

  /** Transactions that were not forgotten, in any order. */
  open(): OpenTransaction[] {
    return [...this.#open].map(([holder, open]) => ({
      id: Buffer.from(holder, 'latin1'),
      participants: open.type === 'prepared' ? open.message.participants : open.participants,
      decision: open.type === 'prepared' ? undefined : open.decision,
    }));
  }

  get size(): number {
    return this.#open.size;
  }

  /** Whether the transaction still holds keys. */
  holds(holder: Holder): boolean {
    return this.#open.get(holder)?.type === 'prepared';
  }

  /** @returns undefined: a prepare that waits for keys; nothing was changed */
  apply(entry: TransactionEntry, { id, message, body }: TransactionStep): TransactionReply | undefined {
    if (message.phase !== 'several') return this.#apply(entry, { id, message, body }, false);
    const replies = message.enclosed.map((each) => {
      const reply = this.#apply(entry, each, true);
      if (reply === undefined) throw new Error('a prepare that waits is alone in its entry');
      return reply;
    });
    return { type: 'several', replies };
  }

  /** @param keeps the index of a decision: what entries of former kinds leave has to remain as it was */
  #apply(entry: TransactionEntry, step: TransactionStep<SingleMessage>, keeps: boolean): SingleReply | undefined {
    const { id, message } = step;
    switch (message.phase) {
      case 'prepare':
        return this.#prepare(entry, id, message, step.body);
      case 'decide':
        return this.#decide(entry, id, message, keeps);
      case 'conclude':
        return this.#conclude(entry, id, message);
      case 'inquire':
        return this.#earlierReply(id, textOf(id)) ?? this.#refuse(entry, id, { type: 'aborted' });
      case 'forget':
        for (const each of message.ids) this.#forget(entry, each);
        return { type: 'unknown' };
    }
  }

  state(): TransactionsState {
    const { high: hashHigh, low: hashLow } = this.#rows.hash();
    return { count: this.#open.size, hashHigh, hashLow };
  }

  /** Writes the changes since the last flush into rows. */
  flush(): void {
    this.#rows.flush();
  }

  /** @throws StorageCorruption if the rows do not match `state` */
  load({ count, hashHigh, hashLow }: TransactionsState): void {
    this.locks.clear();
    this.#open.clear();
    this.#byClient.clear();
    this.releases += 1;
    this.#rows.load((holder, row) => {
      if (row.type === 'prepared') return this.#take(holder, row, locksOf(row.message.part.program), NOT_EVALUATED);
      this.#open.set(holder, row);
      return row;
    });
    const hash = this.#rows.hash();
    if (this.#open.size !== count || hash.high !== hashHigh || hash.low !== hashLow) {
      throw new StorageCorruption('the transactions of a shard do not match its checkpoint');
    }
  }

  #take(holder: Holder, prepared: Prepared, locks: LockSet, evaluated: Evaluated): Holding {
    const { message, body, clockMs, vote } = prepared;
    const holding: Holding = { type: 'prepared', message, body, clockMs, vote, locks, evaluated };
    this.#open.set(holder, holding);
    this.locks.acquire(holder, locks);
    if (message.client !== undefined) this.#byClient.set(textOf(message.client.id), holder);
    return holding;
  }

  /** The reply to an earlier message about the transaction; undefined: there was none. */
  #earlierReply(id: Uint8Array, holder: Holder): SingleReply | undefined {
    const open = this.#open.get(holder);
    if (open?.type === 'prepared') return { type: 'vote', vote: open.vote, participants: open.message.participants };
    if (open !== undefined) return { type: 'decided', decision: open.decision, revision: open.revision };
    const known = this.#context.dedup.find(id, 0, 'initial');
    return known?.answer === undefined ? undefined : replyIn(known.answer);
  }

  #prepare(entry: TransactionEntry, id: Uint8Array, message: Prepare, body: Uint8Array): SingleReply | undefined {
    const { clockMs } = entry;
    const holder = textOf(id);
    const before = this.#earlierReply(id, holder) ?? this.#objectionOfClient(message.client, clockMs);
    if (before !== undefined) return before;
    // It may have been aborted here, and must then never lock.
    if (entry.isRepeated && this.#context.dedup.mayHaveEvicted(operationTimeMs(id, 0)))
      return this.#refuse(entry, id, { type: 'aborted' });
    const locks = locksOf(message.part.program);
    if (this.locks.conflicts(locks)) return message.waits ? undefined : this.#refuse(entry, id, { type: 'busy' });
    const { vote, evaluated } = this.#vote(entry, message);
    if (vote.type !== 'yes') return this.#refuse(entry, id, vote);
    if (isLongerThan(vote, MAX_VOTE_BYTES)) {
      const refusal = refuse('value-too-large', undefined, { field: 'results', limit: MAX_VOTE_BYTES });
      return this.#refuse(entry, id, { type: 'failed', refusal });
    }
    this.#take(holder, { type: 'prepared', message, body, clockMs, vote }, locks, evaluated);
    return { type: 'vote', vote, participants: message.participants };
  }

  /** Why a client's id admits no new attempt here. */
  #objectionOfClient(client: ClientId | undefined, clockMs: number): SingleReply | undefined {
    if (client === undefined) return undefined;
    const { dedup } = this.#context;
    const known = dedup.find(client.id, 0, 'keyed');
    if (known !== undefined) return replayOf(known, client);
    const holder = this.#byClient.get(textOf(client.id));
    const open = holder === undefined ? undefined : this.#open.get(holder);
    if (holder !== undefined && open?.type === 'prepared') {
      const { client: theirs, participants } = open.message;
      if (theirs !== undefined && Buffer.compare(theirs.fingerprint, client.fingerprint) !== 0) {
        return refuse('idempotency-key-reused');
      }
      return { type: 'open', id: Buffer.from(holder, 'latin1'), participants };
    }
    return dedup.refusalOfKeyed(client.id, 0, clockMs);
  }

  #vote(entry: TransactionEntry, { part }: Prepare): { readonly vote: Vote; readonly evaluated: Evaluated } {
    const { program, thenAt, otherwiseAt, hasComparisons, hasOtherwise } = part;
    const isHeld = (key: StateKey): boolean => this.locks.isHeld(key);
    const { index, clockMs } = entry;
    const evaluation = (): Evaluation => this.#evaluation(part, { index, clockMs, revision: PENDING_REVISION, isHeld });
    const holds = program.comparisons.length === 0 || evaluation().holdAll(program.comparisons);
    if (!holds && !hasOtherwise) return { vote: { type: 'no' }, evaluated: NOT_EVALUATED };
    const onThen = evaluation();
    const then = branchVote(onThen, program.then, thenAt, program.onError);
    if (then.type === 'failed' && !hasComparisons) {
      return { vote: { type: 'failed', refusal: then.refusal }, evaluated: NOT_EVALUATED };
    }
    const onOtherwise = hasOtherwise ? evaluation() : undefined;
    const otherwise = onOtherwise && branchVote(onOtherwise, program.otherwise, otherwiseAt, program.onError);
    const evaluated = {
      then: mayKeep(then, program.then) ? onThen : undefined,
      otherwise: otherwise !== undefined && mayKeep(otherwise, program.otherwise) ? onOtherwise : undefined,
    };
    return { vote: { type: 'yes', holds, then, otherwise }, evaluated };
  }

  #evaluation(
    { program, answerLimit }: TransactionPart,
    given: Pick<Parameters<TransactionContext['evaluation']>[0], 'index' | 'clockMs' | 'revision' | 'isHeld'>,
  ): Evaluation {
    const { index, clockMs, revision, isHeld } = given;
    const { valueLimit } = program;
    return this.#context.evaluation({ index, clockMs, revision, valueLimit, answerLimit, isHeld });
  }

  #decide(entry: TransactionEntry, id: Uint8Array, { decision, outcome }: Decide, keeps: boolean): SingleReply {
    const { index, clockMs } = entry;
    const holder = textOf(id);
    const open = this.#open.get(holder);
    if (open?.type !== 'prepared') {
      const earlier = this.#earlierReply(id, holder);
      if (earlier === undefined && decision === 'abort') this.#refuse(entry, id, { type: 'aborted' });
      if (earlier?.type === 'decided') return earlier;
      return decision === 'abort' ? { type: 'decided', decision } : { type: 'unknown' };
    }
    const { message } = open;
    if (decision !== 'abort') {
      this.#evaluatedPart(index, open, decision).commit(index);
      if (outcome !== undefined && message.client !== undefined) {
        // What entries of this kind leave of a long answer is always that of a success, and has to remain so.
        const shortened = (): Uint8Array =>
          encodeOutcome({ succeeded: true, results: [], lastDeletion: this.#context.lastDeletion(), omitted: true });
        const kept = decodeOutcome(outcome);
        if (!('code' in kept)) keepAnswer(this.#context.dedup, message.client, { kept, shortened, index, clockMs });
      }
    }
    this.#release(holder, open);
    const revision = keeps ? index : undefined;
    const decided: Decided = { type: 'decided', participants: message.participants, decision, revision };
    this.#open.set(holder, decided);
    return { type: 'decided', decision, revision };
  }

  #conclude(entry: TransactionEntry, id: Uint8Array, conclude: Conclude): SingleReply {
    const { index, clockMs } = entry;
    const { decision, client, outcome } = conclude;
    const holder = textOf(id);
    const isOpen = this.holds(holder);
    // It was aborted before, or never held anything here: then another attempt under the client's id may have begun.
    const before =
      this.#byClient.get(textOf(client.id)) === holder ? undefined : this.#objectionOfClient(client, clockMs);
    const reply = this.#decide(entry, id, { phase: 'decide', decision, outcome: undefined }, true);
    if (reply.type !== 'decided' || reply.decision !== decision) return reply;
    if (decision === 'abort' && before !== undefined) return isReplayOf(before, outcome) ? reply : before;
    if (decision === 'abort' || isOpen) {
      const kept = decodeOutcome(outcome);
      keepAnswer(this.#context.dedup, client, { kept, shortened: withoutResults, index, clockMs });
    }
    return reply;
  }

  /** As it was when it was prepared: no other entry can have changed what it reads or writes. */
  #evaluatedPart(index: number, { message, clockMs, evaluated }: Holding, decision: 'then' | 'otherwise'): Evaluation {
    const known = evaluated[decision];
    if (known !== undefined) return known;
    // What was due when it was prepared is gone, unless another transaction held it.
    const evaluation = this.#evaluation(message.part, { index, clockMs, revision: index, isHeld: () => true });
    for (const step of message.part.program[decision]) evaluation.step(step);
    return evaluation;
  }

  #release(holder: Holder, { message, locks }: Holding): void {
    this.locks.release(holder, locks);
    this.releases += 1;
    if (message.client !== undefined) this.#byClient.delete(textOf(message.client.id));
  }

  #forget(entry: TransactionEntry, id: Uint8Array): void {
    const holder = textOf(id);
    const open = this.#open.get(holder);
    if (open?.type !== 'decided') return;
    this.#open.delete(holder);
    this.#keepReply(entry, id, { type: 'decided', decision: open.decision });
  }

  /** Records a vote that holds no keys. */
  #refuse(entry: TransactionEntry, id: Uint8Array, vote: Vote): SingleReply {
    const reply: SingleReply = { type: 'vote', vote, participants: [] };
    this.#keepReply(entry, id, reply);
    return reply;
  }

  #keepReply({ index, clockMs }: TransactionEntry, id: Uint8Array, reply: SingleReply): void {
    const entry = { revision: index, fingerprintHigh: 0, fingerprintLow: 0 };
    this.#context.dedup.insertProgram(id, 0, { attempt: 'initial', clockMs, entry }, encodedReply(reply), () =>
      encodedReply(ABORTED),
    );
  }
}

const NOT_EVALUATED: Evaluated = { then: undefined, otherwise: undefined };
const ABORTED: SingleReply = { type: 'vote', vote: { type: 'aborted' }, participants: [] };
/** Of each decision, encoded: nearly all that is kept. */
const decidedReplies = new Map<Decision, Uint8Array>();

/** Not to be written to. */
function encodedReply(reply: SingleReply): Uint8Array {
  if (reply.type !== 'decided') return encodeTransactionReply(reply);
  let encoded = decidedReplies.get(reply.decision);
  if (encoded === undefined) decidedReplies.set(reply.decision, (encoded = encodeTransactionReply(reply)));
  return encoded;
}

/** As it is kept. */
function replyIn(bytes: Uint8Array): SingleReply {
  const reply = decodeTransactionReply(bytes);
  if (reply.type === 'several') throw new StorageCorruption('several replies are kept for one transaction');
  return reply;
}

const textOf = (id: Uint8Array): Holder => binaryString(id, 0, id.length);
