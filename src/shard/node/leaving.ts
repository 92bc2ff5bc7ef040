/** Why a node that stops or has failed refuses operations, and the refusal. */
import { StorageFull } from '../../raft/index.js';
import { DuplicateNode } from '../transport/index.js';
import { isReplicaFault } from './operation-faults.js';
import type { Refusal } from '../operation.js';
import { refuse } from '../errors.js';

/** `internal`: an invariant was broken. */
export type LeavingCode = 'shutting-down' | 'disk-full' | 'storage-failed' | 'internal';

/** Why a node takes no operations now. */
export interface Closed {
  readonly code: LeavingCode;
  readonly reason: string;
}

/** Why a node is closed by an error in a turn, or in a write to the disk. */
export function closedBy(error: Error): Closed {
  if (error instanceof DuplicateNode) return { code: 'shutting-down', reason: error.message };
  if (!isReplicaFault(error)) return { code: 'internal', reason: 'the node has broken an invariant' };
  return { code: error instanceof StorageFull ? 'disk-full' : 'storage-failed', reason: error.message };
}

/** The refusal concerns only this replica, hence its field `shard`: another replica may still take the operation. */
export const refuseLeaving = ({ code, reason }: Closed, shard: number): Refusal =>
  refuse(code, reason, { shard }, 'not_applied');
