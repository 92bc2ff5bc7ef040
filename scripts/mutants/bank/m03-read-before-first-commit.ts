/**
 * M3: a new leader uses its commit index for reads before it has committed an entry of its own term. Entries that its
 * predecessor acknowledged may have higher indexes (thesis §6.4, without the first step of read-index).
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
