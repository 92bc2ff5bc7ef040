/**
 * M18: A node whose disk was emptied, or put back from a copy, comes back under its old id and votes.
 */
import type { Mutant } from '../mutant.js';

export const m18: Mutant = {
  id: 'M18',
  title: 'a wiped node rejoins under its old id and votes',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'if (why === undefined) return;',
      replace: 'if (why === undefined || known.boot >= 0) return;',
    },
  ],
};
