/**
 * What to answer for a request that no transport took: it never left, so nothing was applied.
 *
 * Without a link, or with a full queue, another node or another moment may do. A request that cannot be encoded will
 * not go to any node at any time, and must not be mistaken for that: it would be tried until its deadline and end as
 * "no leader". Knows no link.
 */
import { requestEncodeError, type NodeId, type ShardReply, type ShardRequest } from '../../shard/index.js';
import { refusalFrom } from './pending-calls.js';

export function notSent(node: NodeId, request: ShardRequest): ShardReply {
  const why = requestEncodeError(request);
  if (why === undefined) return refusalFrom(node, 'not-here', 'no link to the node');
  return refusalFrom(node, 'invalid-request', `the operation cannot be sent to a node: ${why}`);
}
