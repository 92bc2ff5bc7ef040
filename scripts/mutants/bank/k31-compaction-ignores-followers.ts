/**
 * K31: Compaction keeps its few entries and no more.
 * A snapshot that ends has then missed what was compacted meanwhile, and the follower needs the next one, for ever.
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
