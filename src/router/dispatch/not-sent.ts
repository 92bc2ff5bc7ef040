/**
 * The refusal of a request that the transport did not accept: it was never sent, so nothing was applied.
 *
 * Without a link, or with a full queue, another node or a later attempt may succeed. A request that cannot be encoded can
 * never be sent to any node, and needs another refusal: it would be retried until its deadline and end as "no leader".
 */
import { requestEncodeError, type NodeId, type ShardReply, type ShardRequest } from '../../shard/index.js';
import { refusalFrom } from './pending-calls.js';

export function notSent(node: NodeId, request: ShardRequest): ShardReply {
  const why = requestEncodeError(request);
  if (why === undefined) return refusalFrom(node, 'not-here', 'no link to the node');
  return refusalFrom(node, 'invalid-request', `the operation cannot be sent to a node: ${why}`);
}
