/**
 * K65: All voters that hear of a leader's death stand in the same few ticks. Where they tick together, the votes are split,
 * and nobody stands again before a whole election timeout is over.
 */
import type { Mutant } from '../mutant.js';

export const k65: Mutant = {
  id: 'K65',
  title: 'whoever hears of a death stands at any tick',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/follower.ts',
      find: 'const turn = Math.floor(options.random() * rounds) * left.length + Math.max(0, left.indexOf(id));',
      replace: 'const turn = Math.floor(options.random() * rounds * left.length) + Math.min(0, left.indexOf(id));',
    },
  ],
};
