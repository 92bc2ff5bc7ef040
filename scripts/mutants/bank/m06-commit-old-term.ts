/**
 * M6: a leader commits entries of earlier terms by counting replicas (Raft paper §5.4.2, figure 8).
 * A later leader without such an entry can be elected and overwrite it.
 */
import type { Mutant } from '../mutant.js';

export const m6: Mutant = {
  id: 'M6',
  title: 'entries of an old term commit by counting',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/replication.ts',
      find: `if (index <= log.commit || index < leader.termStart) return;`,
      replace: `if (index <= log.commit) return;`,
    },
    {
      file: 'src/raft/replication.ts',
      find: `const isFirst = log.commit < leader.termStart;`,
      replace: `const isFirst = log.commit < leader.termStart && index >= leader.termStart;`,
    },
  ],
};
