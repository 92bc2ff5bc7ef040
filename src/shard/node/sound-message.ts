/** What no correct replica sends to another one never reaches the core. */
import type { Message, SnapshotChunk } from '../../raft/index.js';
import { checkSnapshotChunk } from '../../raft/storage/index.js';
import type { Logger } from '../runtime.js';

/** No correct replica is this many elections ahead; following such a term would exhaust the range of terms. */
const MAX_TERM_JUMP = 2 ** 32;

/** @param term of the replica that got the message */
export function isSound(message: Message, term: number, shard: number, logger: Logger): boolean {
  if (message.term - term > MAX_TERM_JUMP) {
    logger.warn({ shard, term: message.term, peer: message.from }, 'absurd term');
    return false;
  }
  return message.type !== 'snapshot' || isValidChunk(message, shard, logger);
}

/** A chunk that cannot be staged is dropped. To the core it counts as lost in transit, and is sent again. */
function isValidChunk({ data, from, sequence }: SnapshotChunk, shard: number, logger: Logger): boolean {
  try {
    checkSnapshotChunk(data);
    return true;
  } catch (error) {
    logger.warn({ shard, peer: from, sequence, error: String(error) }, 'malformed snapshot chunk');
    return false;
  }
}
