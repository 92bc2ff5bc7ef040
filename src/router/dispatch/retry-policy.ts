/** Decides whether a refusal is final or the operation is retried, and refuses requests that could not be sent. */
import {
  ERRORS,
  requestEncodeError,
  type NodeId,
  type Refusal,
  type ShardReply,
  type ShardRequest,
} from '../../shard/index.js';
import { refusalFrom } from './pending-calls.js';

/** Codes by which the replicated state itself answers: they hold whatever became of earlier attempts. */
const ANSWERS_OF_THE_STATE: ReadonlySet<string> = new Set(['precondition-failed', 'idempotency-key-reused']);

/**
 * @param outcomeUnknown an earlier attempt may have been applied
 * @returns `unresolvable`: no replica will ever be able to say whether the write was applied.
 */
export function retryDecision(refusal: Refusal, outcomeUnknown: boolean): 'final' | 'retry' | 'unresolvable' {
  if (refusal.replayed === true || ANSWERS_OF_THE_STATE.has(refusal.code)) return 'final';
  if (outcomeUnknown && refusal.code === 'idempotency-key-expired') return 'unresolvable';
  // "Not applied" is true of this attempt only: it is asked again until a replica answers for all, or the deadline
  // passes.
  if (outcomeUnknown && refusal.outcome === 'not_applied') return 'retry';
  // A defect in one operation is its answer; with a shard in the details, that node has left its groups, and others
  // serve.
  if (refusal.code === 'internal' && refusal.outcome === 'not_applied' && refusal.details.shard !== undefined) {
    return 'retry';
  }
  // Load shedding must reach the client: a retry would add to the load.
  if (refusal.code === 'overloaded') return 'final';
  // The shard has waited for the key already, for as long as it could.
  if (refusal.code === 'conflict') return 'final';
  return ERRORS[refusal.code].retryable ? 'retry' : 'final';
}

/**
 * The refusal of a request that the transport did not accept: it was never sent, so nothing was applied.
 *
 * Without a link, or with a full queue, another node or a later attempt may succeed. A request that cannot be encoded
 * can never be sent to any node, and needs another refusal: it would be retried until its deadline and end as "no
 * leader".
 */
export function notSent(node: NodeId, request: ShardRequest): ShardReply {
  const why = requestEncodeError(request);
  if (why === undefined) return refusalFrom(node, 'not-here', 'no link to the node');
  return refusalFrom(node, 'invalid-request', `the operation cannot be sent to a node: ${why}`);
}
