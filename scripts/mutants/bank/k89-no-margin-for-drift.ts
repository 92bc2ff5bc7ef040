/**
 * K89: A lease has no margin for clocks that run at different speeds: it lasts as long by the leader's clock as was promised by the
 * voters'. Where the leader's is the slower one, it still reads by its lease while another leader is elected, and commits.
 */
import type { Mutant } from '../mutant.js';

export const k89: Mutant = {
  id: 'K89',
  title: 'a lease has no margin for clock drift',
  caughtBy: ['core', 'repairs'],
  edits: [
    {
      file: 'src/raft/lease.ts',
      find: 'const MAX_CLOCK_DRIFT = 0.1;',
      replace: 'const MAX_CLOCK_DRIFT = 0;',
    },
  ],
};
