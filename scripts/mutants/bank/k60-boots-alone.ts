/**
 * K60: Of two folders of one node, that which was started more often passes for the later life of the other. An empty one
 * takes the place of a node, counts and votes at once, and what the node acknowledged is gone.
 */
import type { Mutant } from '../mutant.js';

export const k60: Mutant = {
  id: 'K60',
  title: 'a folder is known by its number of starts alone',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'if (isAnotherFolder(known, claim))',
      replace: 'if (claim.boot < 0 && isAnotherFolder(known, claim))',
    },
  ],
};
