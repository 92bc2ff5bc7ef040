/** One operation in flight, as the dispatcher keeps it. */
import {
  boundOf,
  isKeyed,
  isRead,
  type NodeId,
  type KvOperation,
  type Refusal,
  type ShardReply,
  type ShardRequest,
} from '../../shard/index.js';

/** How an operation got its answer, for the log of slow requests. */
export interface CallTrace {
  /** How many times a node was asked. */
  readonly attempt: number;
  /** How many times it backed off because every node had been asked. */
  readonly round: number;
  readonly deadline: number;
  /** The latest attempt; undefined if there was none, or it ended and the operation waited for a leader. */
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
  /** Index in the dispatcher's list of calls. */
  place: number;
  /** −1 until a topology is known. */
  shard: number;
  ended: boolean;
  /** Distinguishes answers to this attempt from those to earlier ones. */
  attempt: number;
  request: ShardRequest | undefined;
  /** The node that is being asked; undefined during backoff. */
  asked: NodeId | undefined;
  /** While a node is asked: when to give up on it. During backoff: when to go on. */
  wakeAt: number;
  tried: NodeId[];
  lastAsked: NodeId | undefined;
  /** How many of them refused because of their disk. */
  broken: number;
  /** Attempts that were given up because the node was silent. */
  abandoned: number;
  round: number;
  hint: NodeId | undefined;
  /** Some attempt of this write may have been proposed, and no replica has answered it definitely. */
  outcomeUnknown: boolean;
  lastRefusal: (Refusal & { readonly term: number; readonly servedBy: NodeId }) | undefined;
}

/** Bytes per ms of the narrowest link over which leadership is stable (64 kbit/s). */
const NARROW_BYTES_PER_MS = 8;
/** Links that a body has to pass: to the leader, and from there to its followers. */
const LINKS_TO_PASS = 2;

/** How long the node that is asked now may take; `attemptMs` for the first attempt at an operation without a body. */
export const patienceMs = ({ operation, abandoned }: Call, attemptMs: number): number =>
  attemptMs * 2 ** abandoned + carryMs(operation);

/**
 * How long the node that is asked now may take. One that does not meet the bound of a stale read has its share of the time
 * that is left, for others may.
 */
export function budgetMs(
  { operation, forward, tried }: Call,
  leftMs: number,
  { replicas, attemptMs }: Attempt,
): number {
  if (!forward || boundOf(operation) === undefined) return leftMs;
  const others = Math.max(0, replicas - tried.length);
  return Math.min(leftMs / (others + 1), attemptMs / 2);
}

export interface Attempt {
  /** Of the shard. */
  readonly replicas: number;
  readonly attemptMs: number;
}

const carryMs = (operation: KvOperation): number =>
  'body' in operation ? (LINKS_TO_PASS * operation.body.length) / NARROW_BYTES_PER_MS : 0;

/** The operation as it is sent after an attempt of unknown outcome. */
export function asRetry(operation: KvOperation): KvOperation {
  if (isRead(operation)) return operation;
  return { ...operation, attempt: isKeyed(operation.attempt) ? 'keyed-retry' : 'retry' };
}
