/**
 * M3: a new leader gives reads its commit index before it has committed anything in its own term.
 * What its predecessor acknowledged may lie beyond that index (thesis §6.4, the first step of read-index left out).
 */
import type { Mutant } from '../mutant.js';

export const m3: Mutant = {
  id: 'M3',
  title: 'read index taken before the first commit of the term',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/leader.ts',
      find: `leader.reads.add(context, commit >= leader.termStart ? commit : undefined);`,
      replace: `leader.reads.add(context, commit);`,
    },
  ],
};
