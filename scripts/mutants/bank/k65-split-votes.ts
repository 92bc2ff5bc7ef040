/**
 * K65: All voters that learn of a leader's death campaign within the same few ticks. Where they tick together, the vote
 * is split, and none campaigns again before a whole election timeout has passed.
 */
import type { Mutant } from '../mutant.js';

export const k65: Mutant = {
  id: 'K65',
  title: 'every node that learns of a dead leader may campaign at any tick, so votes split',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/follower.ts',
      find: 'const turn = Math.floor(options.random() * rounds) * left.length + Math.max(0, left.indexOf(id));',
      replace: 'const turn = Math.floor(options.random() * rounds * left.length) + Math.min(0, left.indexOf(id));',
    },
  ],
};
