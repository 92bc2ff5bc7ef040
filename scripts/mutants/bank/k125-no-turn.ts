/**
 * K125: Prepares that wait for keys are overtaken by later ones that need some of these, so one of a hot key's
 * transactions may never get its turn.
 */
import type { Mutant } from '../mutant.js';

export const k125: Mutant = {
  id: 'K125',
  title: 'waiting prepares are overtaken by later ones',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/blocked.ts',
      find: `if (needs.isLasting) claims.acquire(CLAIM, needs);`,
      replace: ``,
    },
  ],
};
