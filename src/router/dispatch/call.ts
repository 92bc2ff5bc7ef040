/** One operation on its way to an answer, as the dispatcher keeps it. Knows no backend. */
import type { NodeId, KvOperation, Refusal, ShardReply, ShardRequest } from '../../shard/index.js';

/** How an operation came to its answer: as it is kept here anyway, to be read if somebody wonders. */
export interface CallTrace {
  /** How many times a node was asked. */
  readonly attempt: number;
  /** How many times it waited because there was nobody left to ask. */
  readonly round: number;
  readonly deadline: number;
  /** The latest attempt; undefined: there was none, or it ended and the operation waited for a leader. */
  readonly request: ShardRequest | undefined;
  /** Nodes that were asked in this round, the latest last. */
  readonly tried: readonly NodeId[];
  /** The node of the latest attempt, in whichever round; undefined: none was asked. */
  readonly lastAsked: NodeId | undefined;
}

/** An answer with the shard that it belongs to; −1 if no topology is known. */
export interface DispatchReply extends ShardReply {
  readonly shard: number;
  /** Undefined if it was refused at once. */
  readonly way?: CallTrace | undefined;
}

export interface Call extends CallTrace {
  readonly operation: KvOperation;
  readonly forward: boolean;
  readonly done: (reply: DispatchReply) => void;
  /** Among the calls under way. */
  place: number;
  /** −1 until a topology is known. */
  shard: number;
  ended: boolean;
  /** Answers to earlier attempts are told apart by it. */
  attempt: number;
  request: ShardRequest | undefined;
  /** Node that is being asked; undefined while the call waits. */
  asked: NodeId | undefined;
  /** While asked: when to give the node up. While waiting: when to go on. */
  wakeAt: number;
  tried: NodeId[];
  lastAsked: NodeId | undefined;
  /** How many of them refused because of their disk. */
  broken: number;
  /** Attempts that were given up for silence. */
  abandoned: number;
  round: number;
  hint: NodeId | undefined;
  /** Some attempt of this write may have been proposed, and was not answered for good. */
  outcomeUnknown: boolean;
  lastRefusal: (Refusal & { readonly term: number; readonly servedBy: NodeId }) | undefined;
}

/** Bytes that the narrowest link carries in a ms over which leaders stay (64 kbit/s). */
const NARROW_BYTES_PER_MS = 8;
/** To the leader, and from there to its followers. */
const LINKS_TO_PASS = 2;

/** How long a node may take that is asked now; `attemptMs` for an operation of no bytes that is asked for the first time. */
export const patienceMs = ({ operation, abandoned }: Call, attemptMs: number): number =>
  attemptMs * 2 ** abandoned + carryMs(operation);

const carryMs = (operation: KvOperation): number =>
  operation.type === 'put' ? (LINKS_TO_PASS * operation.body.length) / NARROW_BYTES_PER_MS : 0;

/** With what it may be asked once more when nobody knows what became of it. */
export const asRetry = (operation: KvOperation): KvOperation =>
  operation.type === 'get' ? operation : { ...operation, attempt: 'retry' };
