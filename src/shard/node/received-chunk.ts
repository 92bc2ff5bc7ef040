/** Chunks of snapshots that peers send are checked before the core sees them. */
import type { GroupId, SnapshotChunk } from '../../raft/index.js';
import { checkSnapshotChunk } from '../../raft/storage/index.js';
import { shardOfGroup } from '../cluster/index.js';
import type { Logger } from '../runtime.js';

/** A chunk that cannot be staged is dropped. To the core it counts as lost in transit, and is sent again. */
export function isValidChunk({ data, from, sequence }: SnapshotChunk, group: GroupId, logger: Logger): boolean {
  try {
    checkSnapshotChunk(data);
    return true;
  } catch (error) {
    const fields = { shard: shardOfGroup(group), peer: from, sequence, error: String(error) };
    logger.warn(fields, 'malformed snapshot chunk');
    return false;
  }
}
