/**
 * M18: a node whose disk was wiped, or restored from a copy, rejoins under its old id and votes.
 */
import type { Mutant } from '../mutant.js';

export const m18: Mutant = {
  id: 'M18',
  title: 'a node whose disk was wiped rejoins under its old id and votes',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'if (why === undefined) return;',
      replace: 'if (why === undefined || known.boot >= 0) return;',
    },
  ],
};
