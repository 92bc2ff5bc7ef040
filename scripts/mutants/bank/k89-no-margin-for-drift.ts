/**
 * K89: A lease has no margin for clock drift: it lasts as long by the leader's clock as the voters promised by theirs.
 * If the leader's clock is slower, it still reads by its lease while another leader is elected, and commits.
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
