/**
 * Transactions over several shards, in the style of Sinfonia (Aguilera et al., 2007): what they read and write is known
 * when they begin, no coordinator keeps state, and the participants are Raft groups, so none stays blocked for good.
 *
 * - *Prepare* goes to every participant: an entry that locks the keys of its part, evaluates it and votes. A vote never
 *   changes. Only votes decide: all yes is committed, anything else aborted. The first attempt asks all participants in
 *   parallel, and waits for nobody's keys. Later ones ask one participant after the other, by ascending number, and wait
 *   in the order in which they came: so no two wait for each other.
 * - *Decide* tells each participant, which applies its part at that entry, or drops it, and lets go of its locks.
 * - *Conclude* is the decision for the shard that knows the client's id, where there is one: in the same entry it keeps what
 *   the client is answered. A transaction that commits is concluded last, when everything is known. One that is aborted
 *   with a definite answer (comparisons do not hold, an operation fails) is answered only after that: so a repeat of the
 *   request is answered the same. Before feature level 4 it is decided, and only commits are kept.
 * - *Inquire* asks for a vote, and records *aborted* where there is none: so anyone can finish what a coordinator left.
 * - *Forget*: every participant has acknowledged the decision, and nobody will ask for it any more.
 *
 * What a router has to say to a shard at the same time about different transactions is one entry (`Several`).
 *
 * The part of a shard is a program (`program.ts`). Which of its two lists runs is decided over all parts: `then` if all
 * comparisons of all parts hold.
 */
import { MAX_REVISION } from './bounds.js';
import type { KeyRecord, Refusal } from './operation.js';
import type { Program, StepResult } from './program.js';

/** The part of one shard. */
export interface TransactionPart {
  readonly program: Program;
  /** Places of the part's steps in the lists of the whole. */
  readonly thenAt: readonly number[];
  readonly otherwiseAt: readonly number[];
  /** Some part has comparisons; some part has steps in `otherwise`. */
  readonly hasComparisons: boolean;
  readonly hasOtherwise: boolean;
  /** What the values that this part answers may have of `MAX_ANSWER_BYTES`; undefined: all of it. */
  readonly answerLimit?: number | undefined;
}

/** The `Idempotency-Key` of a client, known to the first participant only. */
export interface ClientId {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** Equal in all attempts at one request; 8 bytes. */
  readonly fingerprint: Uint8Array;
}

export interface Prepare {
  readonly phase: 'prepare';
  /** Shards that take part, ascending. */
  readonly participants: readonly number[];
  readonly part: TransactionPart;
  readonly client: ClientId | undefined;
  /** Whether it waits for keys that other transactions hold, instead of voting *busy*. */
  readonly waits: boolean;
}

export type Decision = 'abort' | 'then' | 'otherwise';

export interface Decide {
  readonly phase: 'decide';
  readonly decision: Decision;
  /** For the first participant of a transaction with a client's id: what a replay is answered. */
  readonly outcome: Uint8Array | undefined;
}

export interface Conclude {
  readonly phase: 'conclude';
  readonly decision: Decision;
  /** Whether or not the participant has accepted a prepare with it. */
  readonly client: ClientId;
  /** What a replay is answered. */
  readonly outcome: Uint8Array;
}

/** About one transaction, or what is to be forgotten. */
export type SingleMessage =
  | Prepare
  | Decide
  | Conclude
  | { readonly phase: 'inquire' }
  /** Of several transactions at once; 16 bytes each. */
  | { readonly phase: 'forget'; readonly ids: readonly Uint8Array[] };

/** One of several messages in one entry. */
export interface Enclosed {
  /** Of the transaction; 16 bytes. */
  readonly id: Uint8Array;
  readonly message: SingleMessage;
  /** The message, encoded. */
  readonly body: Uint8Array;
}

/** Several messages, which a shard applies in this order. None is a prepare that waits: each has its reply at once. */
export interface Several {
  readonly phase: 'several';
  readonly enclosed: readonly Enclosed[];
}

export type TransactionMessage = SingleMessage | Several;

/** What a list of steps would do: the results with their places in the whole, or why the whole fails. */
export type BranchVote =
  | { readonly type: 'results'; readonly results: readonly (readonly [at: number, result: StepResult])[] }
  | { readonly type: 'failed'; readonly refusal: Refusal };

export type Vote =
  | {
      readonly type: 'yes';
      /** All comparisons of this part hold. */
      readonly holds: boolean;
      readonly then: BranchVote;
      /** Undefined if no part has such steps. */
      readonly otherwise: BranchVote | undefined;
    }
  /** A comparison does not hold, and there is nothing to run instead. */
  | { readonly type: 'no' }
  /** A step fails, whatever the other parts say. */
  | { readonly type: 'failed'; readonly refusal: Refusal }
  /** A key is held by another transaction. */
  | { readonly type: 'busy' }
  /** Somebody asked, or decided to abort, before any vote. */
  | { readonly type: 'aborted' };

export type TransactionReply = SingleReply | { readonly type: 'several'; readonly replies: readonly SingleReply[] };

export type SingleReply =
  /** The participants are those of the vote's prepare; empty where none was seen. */
  | { readonly type: 'vote'; readonly vote: Vote; readonly participants: readonly number[] }
  /** `revision`: of the entry that decided it here; undefined: not known any more, or before feature level 4. */
  | { readonly type: 'decided'; readonly decision: Decision; readonly revision?: number | undefined }
  /** Decided on commit without a vote: this cannot be. */
  | { readonly type: 'unknown' }
  /**
   * The client's id was used before: by a transaction that has its outcome, or by one that is still open. To a conclusion
   * this says: it is aborted, and what the client is answered is up to that other one.
   */
  | { readonly type: 'replay'; readonly outcome: Uint8Array }
  | { readonly type: 'open'; readonly id: Uint8Array; readonly participants: readonly number[] }
  | Refusal;

/** An open transaction, as its participants know it. */
export interface OpenTransaction {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly participants: readonly number[];
  /** Undefined: prepared, and not decided. */
  readonly decision: Decision | undefined;
}

/** The decision that the votes of all participants amount to. */
export function decisionOf(votes: readonly Vote[]): Decision {
  let holds = true;
  for (const vote of votes) {
    if (vote.type !== 'yes') return 'abort';
    holds &&= vote.holds;
  }
  const branch = holds ? 'then' : 'otherwise';
  const fails = votes.some((vote) => vote.type === 'yes' && vote[branch]?.type === 'failed');
  return fails ? 'abort' : branch;
}

/** In the results of a prepare: the revision of what the decision will write, which is not known yet. */
export const PENDING_REVISION = MAX_REVISION;

/** A result of a prepare, once the revision of its commit is known. */
export function withRevision(result: StepResult, revision: number): StepResult {
  switch (result.type) {
    case 'failed':
    case 'delete-range':
      return result;
    case 'write': {
      const own = result.revision === PENDING_REVISION ? { ...result, revision } : result;
      return own.record === undefined ? own : { ...own, record: recordAt(own.record, revision) };
    }
    case 'get':
      return result.record === undefined ? result : { ...result, record: recordAt(result.record, revision) };
    case 'delete':
      return result.record === undefined ? result : { ...result, record: recordAt(result.record, revision) };
  }
}

export const recordAt = (record: KeyRecord, revision: number): KeyRecord => {
  const isPending = record.revision === PENDING_REVISION || record.createRevision === PENDING_REVISION;
  if (!isPending) return record;
  return {
    ...record,
    revision: record.revision === PENDING_REVISION ? revision : record.revision,
    createRevision: record.createRevision === PENDING_REVISION ? revision : record.createRevision,
  };
};
