/**
 * K60: Of two folders of one node, the one with more starts counts as the later incarnation. An empty folder takes the
 * place of a node, counts and votes at once, and what the node acknowledged is lost.
 */
import type { Mutant } from '../mutant.js';

export const k60: Mutant = {
  id: 'K60',
  title: 'a folder is recognised by its number of starts alone',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'if (isAnotherFolder(known, claim))',
      replace: 'if (claim.boot < 0 && isAnotherFolder(known, claim))',
    },
  ],
};
