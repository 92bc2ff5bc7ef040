/**
 * K3: a follower acknowledges the end of its log instead of the end of what it compared with the leader's (s35).
 * A longer, conflicting tail then counts as the leader's entries.
 */
import type { Mutant } from '../mutant.js';

export const k3: Mutant = {
  id: 'K3',
  title: 'a follower acknowledges more than it compared',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/follower.ts',
      find: `term: core.term, index: matched }, matched);`,
      replace: `term: core.term, index: log.lastIndex }, log.lastIndex);`,
    },
  ],
};
