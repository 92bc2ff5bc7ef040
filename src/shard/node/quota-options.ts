/** Derives a node's limits from a quota of the journal: checkpoints come before it, and no group may use it up. */
import { journalLimits } from '../../raft/storage/index.js';
import { DEFAULT_CHECKPOINT_LIMITS } from './checkpointer.js';
import { DEFAULT_NODE_LIMITS, type ShardNodeOptions } from './options.js';

/** @param maxJournalBytes undefined: no quota, and the defaults */
export function quotaOptions(
  maxJournalBytes: number | undefined,
): Required<Pick<ShardNodeOptions, 'checkpoints' | 'limits'>> {
  if (maxJournalBytes === undefined) return { checkpoints: {}, limits: {} };
  const { checkpointBytes, inFlightBytes, rowBytes } = journalLimits(maxJournalBytes);
  const { bytes, journalBytes } = DEFAULT_CHECKPOINT_LIMITS;
  const { uncommittedBytes, inflightBytes, appendBytes } = DEFAULT_NODE_LIMITS;
  return {
    checkpoints: { bytes: Math.min(bytes, checkpointBytes), journalBytes: Math.min(journalBytes, checkpointBytes) },
    limits: {
      uncommittedBytes: Math.min(uncommittedBytes, inFlightBytes),
      inflightBytes: Math.min(inflightBytes, inFlightBytes),
      appendBytes: Math.min(appendBytes, rowBytes),
      commitBytes: rowBytes,
    },
  };
}
