/**
 * The part of a shard in transactions over several (`transaction.ts`): votes, locks, decisions.
 *
 * A prepared transaction is a row with its prepare and the time of its entry; a decided one, until it is forgotten, a row
 * with the decision. A vote other than yes, and a decision that was forgotten, is an entry of the dedup table under the
 * transaction's id. So a late message about a transaction finds what was said before, as the repeat of a write does.
 *
 * The changes of a part are not kept: applying the decision evaluates the part again, with the time of its prepare. No
 * other entry can have changed what it reads or writes, because it holds these keys.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { binaryString } from '../big-endian.js';
import { refuse } from '../errors.js';
import { hash64 } from '../keys/index.js';
import { decodeOutcome, encodeOutcome } from '../program-codec.js';
import type { Step } from '../program.js';
import { decodeTransactionReply, encodeTransactionReply } from '../transaction-codec.js';
import {
  PENDING_REVISION,
  type BranchVote,
  type ClientId,
  type Conclude,
  type Decide,
  type Decision,
  type OpenTransaction,
  type Prepare,
  type SingleMessage,
  type SingleReply,
  type TransactionMessage,
  type TransactionReply,
  type Vote,
} from '../transaction.js';
import { withoutResults } from './answers.js';
import { isReplayOf, keepAnswer, replayOf } from './client-answers.js';
import type { Dedup } from './dedup.js';
import { asRefusal, type Evaluation } from './evaluation.js';
import { locksOf } from './lock-needs.js';
import { operationTimeMs } from './command.js';
import { Locks, type Holder, type LockSet } from './locks.js';
import { HashSum } from './state-hash.js';
import type { StateStore } from './state-store.js';
import { decodeRow, encodeDecided, encodePrepared, type Decided, type Prepared } from './transaction-row.js';

export const TRANSACTION_SPACE = '\u0003';
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

/** What an entry says about a transaction. */
export interface Said<Message extends TransactionMessage = TransactionMessage> {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly message: Message;
  /** The message as the entry has it. */
  readonly body: Uint8Array;
  /** It was said before, perhaps so long ago that it is forgotten here. */
  readonly isRepeated: boolean;
}

/** A prepared transaction with its keys. */
interface Holding extends Prepared {
  readonly locks: LockSet;
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
  /** Over all rows, and of each: so that none is read again to be replaced. */
  readonly #hash = new HashSum();
  readonly #hashes = new Map<Holder, { readonly high: number; readonly low: number }>();
  readonly #context: TransactionContext;

  constructor(context: TransactionContext) {
    this.#context = context;
  }

  /** Transactions that were not forgotten, in the order in which they were prepared. */
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
  apply(index: number, { id, message, body, isRepeated }: Said, clockMs: number): TransactionReply | undefined {
    if (message.phase !== 'several') return this.#apply(index, { id, message, body, isRepeated }, clockMs, false);
    const replies = message.enclosed.map((each) => {
      const reply = this.#apply(index, { ...each, isRepeated }, clockMs, true);
      if (reply === undefined) throw new Error('a prepare that waits is alone in its entry');
      return reply;
    });
    return { type: 'several', replies };
  }

  /** @param keeps the index of a decision: what entries of former kinds leave has to remain as it was */
  #apply(index: number, said: Said<SingleMessage>, clockMs: number, keeps: boolean): SingleReply | undefined {
    const { id, message } = said;
    switch (message.phase) {
      case 'prepare':
        return this.#prepare(index, { ...said, message }, clockMs);
      case 'decide':
        return this.#decide(index, id, message, clockMs, keeps);
      case 'conclude':
        return this.#conclude(index, id, message, clockMs);
      case 'inquire':
        return this.#said(id) ?? this.#refuse(index, id, { type: 'aborted' }, clockMs);
      case 'forget':
        for (const each of message.ids) this.#forget(index, each, clockMs);
        return { type: 'unknown' };
    }
  }

  state(): TransactionsState {
    return { count: this.#open.size, hashHigh: this.#hash.high, hashLow: this.#hash.low };
  }

  /** @throws StorageCorruption if the rows do not match `state` */
  load({ count, hashHigh, hashLow }: TransactionsState): void {
    this.locks.clear();
    this.#open.clear();
    this.#byClient.clear();
    this.#hash.set(0, 0);
    this.#hashes.clear();
    this.releases += 1;
    if (count > 0) {
      for (const [key, row] of this.#context.store.scan(TRANSACTION_SPACE)) {
        this.#add(key.slice(1), row);
        const open = decodeRow(row);
        if (open.type === 'decided') this.#open.set(key.slice(1), open);
        else this.#take(key.slice(1), open, locksOf(open.message.part.program));
      }
    }
    if (this.#open.size !== count || this.#hash.high !== hashHigh || this.#hash.low !== hashLow) {
      throw new StorageCorruption('the transactions of a shard do not match its checkpoint');
    }
  }

  #take(holder: Holder, open: Prepared, locks: LockSet): void {
    const { message, clockMs, vote } = open;
    this.#open.set(holder, { type: 'prepared', message, clockMs, vote, locks });
    this.locks.acquire(holder, locks);
    if (open.message.client !== undefined) this.#byClient.set(textOf(open.message.client.id), holder);
  }

  /** What was said about the transaction before; undefined: nothing. */
  #said(id: Uint8Array): SingleReply | undefined {
    const open = this.#open.get(textOf(id));
    if (open?.type === 'prepared') return { type: 'vote', vote: open.vote, participants: open.message.participants };
    if (open !== undefined) return { type: 'decided', decision: open.decision, revision: open.revision };
    const known = this.#context.dedup.find(id, 0, 'initial');
    return known?.answer === undefined ? undefined : replyIn(known.answer);
  }

  #prepare(index: number, said: Said<Prepare>, clockMs: number): SingleReply | undefined {
    const { id, message, body, isRepeated } = said;
    const before = this.#said(id) ?? this.#objectionOfClient(message.client, clockMs);
    if (before !== undefined) return before;
    // It may have been aborted here, and must then never lock.
    if (isRepeated && this.#context.dedup.mayHaveEvicted(operationTimeMs(id, 0)))
      return this.#refuse(index, id, { type: 'aborted' }, clockMs);
    const locks = locksOf(message.part.program);
    if (this.locks.conflicts(locks)) {
      return message.waits ? undefined : this.#refuse(index, id, { type: 'busy' }, clockMs);
    }
    const vote = this.#vote(index, message, clockMs);
    if (vote.type !== 'yes') return this.#refuse(index, id, vote, clockMs);
    const encoded = encodeTransactionReply({ type: 'vote', vote, participants: [] });
    if (encoded.length > MAX_VOTE_BYTES) {
      const refusal = refuse('value-too-large', undefined, { field: 'results', limit: MAX_VOTE_BYTES });
      return this.#refuse(index, id, { type: 'failed', refusal }, clockMs);
    }
    this.#take(textOf(id), { type: 'prepared', message, clockMs, vote }, locks);
    this.#writeRow(textOf(id), encodePrepared(body, clockMs, encoded));
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

  #vote(index: number, { part }: Prepare, clockMs: number): Vote {
    const { program, thenAt, otherwiseAt, hasComparisons, hasOtherwise, answerLimit } = part;
    const evaluation = (): Evaluation =>
      this.#context.evaluation({
        index,
        clockMs,
        revision: PENDING_REVISION,
        valueLimit: program.valueLimit,
        answerLimit,
        isHeld: (key) => this.locks.isHeld(key),
      });
    const holds = program.comparisons.length === 0 || evaluation().holdAll(program.comparisons);
    if (!holds && !hasOtherwise) return { type: 'no' };
    const then = branchVote(evaluation(), program.then, thenAt, program.onError);
    if (then.type === 'failed' && !hasComparisons) return { type: 'failed', refusal: then.refusal };
    const otherwise = hasOtherwise
      ? branchVote(evaluation(), program.otherwise, otherwiseAt, program.onError)
      : undefined;
    return { type: 'yes', holds, then, otherwise };
  }

  #decide(index: number, id: Uint8Array, { decision, outcome }: Decide, clockMs: number, keeps: boolean): SingleReply {
    const holder = textOf(id);
    const open = this.#open.get(holder);
    if (open?.type !== 'prepared') {
      const said = this.#said(id);
      if (said === undefined && decision === 'abort') this.#refuse(index, id, { type: 'aborted' }, clockMs);
      if (said?.type === 'decided') return said;
      return decision === 'abort' ? { type: 'decided', decision } : { type: 'unknown' };
    }
    const { message } = open;
    if (decision !== 'abort') {
      this.#applyPart(index, open, decision);
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
    this.#writeRow(holder, encodeDecided(decided));
    return { type: 'decided', decision, revision };
  }

  #conclude(index: number, id: Uint8Array, said: Conclude, clockMs: number): SingleReply {
    const { decision, client, outcome } = said;
    const holder = textOf(id);
    const isOpen = this.holds(holder);
    // It was aborted before, or never held anything here: then another attempt under the client's id may have begun.
    const before =
      this.#byClient.get(textOf(client.id)) === holder ? undefined : this.#objectionOfClient(client, clockMs);
    const reply = this.#decide(index, id, { phase: 'decide', decision, outcome: undefined }, clockMs, true);
    if (reply.type !== 'decided' || reply.decision !== decision) return reply;
    if (decision === 'abort' && before !== undefined) return isReplayOf(before, outcome) ? reply : before;
    if (decision === 'abort' || isOpen) {
      const kept = decodeOutcome(outcome);
      keepAnswer(this.#context.dedup, client, { kept, shortened: withoutResults, index, clockMs });
    }
    return reply;
  }

  #applyPart(revision: number, { message, clockMs }: Prepared, decision: 'then' | 'otherwise'): void {
    const { program, answerLimit } = message.part;
    const evaluation = this.#context.evaluation({
      index: revision,
      clockMs,
      revision,
      valueLimit: program.valueLimit,
      answerLimit,
      // What was due when it was prepared is gone, unless another transaction held it.
      isHeld: () => true,
    });
    for (const step of program[decision]) evaluation.step(step);
    evaluation.commit();
  }

  #release(holder: Holder, { message, locks }: Holding): void {
    this.locks.release(holder, locks);
    this.releases += 1;
    if (message.client !== undefined) this.#byClient.delete(textOf(message.client.id));
  }

  #forget(index: number, id: Uint8Array, clockMs: number): void {
    const holder = textOf(id);
    const open = this.#open.get(holder);
    if (open?.type !== 'decided') return;
    this.#open.delete(holder);
    this.#dropRow(holder);
    this.#remember(index, id, { type: 'decided', decision: open.decision }, clockMs);
  }

  /** Records a vote that holds no keys. */
  #refuse(index: number, id: Uint8Array, vote: Vote, clockMs: number): SingleReply {
    const reply: SingleReply = { type: 'vote', vote, participants: [] };
    this.#remember(index, id, reply, clockMs);
    return reply;
  }

  #remember(revision: number, id: Uint8Array, reply: SingleReply, clockMs: number): void {
    const entry = { revision, fingerprintHigh: 0, fingerprintLow: 0 };
    this.#context.dedup.insertProgram(id, 0, { attempt: 'initial', clockMs, entry }, encodedReply(reply), () =>
      encodedReply(ABORTED),
    );
  }

  #writeRow(holder: Holder, row: Uint8Array): void {
    this.#subtract(holder);
    this.#add(holder, row);
    this.#context.store.set(TRANSACTION_SPACE + holder, row);
  }

  #dropRow(holder: Holder): void {
    this.#subtract(holder);
    this.#hashes.delete(holder);
    this.#context.store.delete(TRANSACTION_SPACE + holder);
  }

  #add(holder: Holder, row: Uint8Array): void {
    const { high, low } = hash64(row);
    this.#hashes.set(holder, { high, low });
    this.#hash.add(high, low);
  }

  #subtract(holder: Holder): void {
    const known = this.#hashes.get(holder);
    if (known !== undefined) this.#hash.subtract(known.high, known.low);
  }
}

const ABORTED: SingleReply = { type: 'vote', vote: { type: 'aborted' }, participants: [] };
/** Of each decision, encoded: nearly all that is remembered. */
const decidedReplies = new Map<Decision, Uint8Array>();

/** Not to be written to. */
function encodedReply(reply: SingleReply): Uint8Array {
  if (reply.type !== 'decided') return encodeTransactionReply(reply);
  let encoded = decidedReplies.get(reply.decision);
  if (encoded === undefined) decidedReplies.set(reply.decision, (encoded = encodeTransactionReply(reply)));
  return encoded;
}

/** As it is remembered. */
function replyIn(bytes: Uint8Array): SingleReply {
  const reply = decodeTransactionReply(bytes);
  if (reply.type === 'several') throw new StorageCorruption('several replies are remembered for one transaction');
  return reply;
}

const textOf = (id: Uint8Array): Holder => binaryString(id, 0, id.length);

function branchVote(
  evaluation: Evaluation,
  steps: readonly Step[],
  places: readonly number[],
  onError: 'fail' | 'continue',
): BranchVote {
  const results = [];
  for (const [i, step] of steps.entries()) {
    const at = places[i] ?? 0;
    const result = evaluation.step(step);
    if (result.type === 'failed' && onError === 'fail') return { type: 'failed', refusal: asRefusal(result, at) };
    results.push([at, result] as const);
  }
  return { type: 'results', results };
}
