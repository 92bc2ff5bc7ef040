/**
 * K4: an append is taken if there is an entry before it, whatever that entry's term (half of the check of §5.3).
 * Logs then agree on an index and term, and differ before it.
 */
import type { Mutant } from '../mutant.js';

export const k4: Mutant = {
  id: 'K4',
  title: 'an append is taken without comparing prevTerm',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/follower.ts',
      find: `} else if (log.termAt(prevIndex) !== message.prevTerm) {`,
      replace: `} else if (log.termAt(prevIndex) === undefined) {`,
    },
  ],
};
