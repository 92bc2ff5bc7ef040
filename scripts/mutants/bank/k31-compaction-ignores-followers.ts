/**
 * K31: Compaction keeps its few entries and no more.
 * Entries that follow a snapshot are compacted during its transfer, and the follower needs another snapshot, for ever.
 */
import type { Mutant } from '../mutant.js';

export const k31: Mutant = {
  id: 'K31',
  title: 'logs are compacted whatever followers and transfers need',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/log-retention.ts',
      find: 'filter((index) => index < little);',
      replace: 'filter((index) => index < 0);',
    },
  ],
};
