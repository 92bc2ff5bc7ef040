/**
 * K25: A leader does not notice that its own disk has not got what was committed an election timeout ago.
 * It can apply and read nothing, and nobody else is elected.
 */
import type { Mutant } from '../mutant.js';

export const k25: Mutant = {
  id: 'K25',
  title: 'a leader whose disk hangs stays in office',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/leader.ts',
      find: 'leader.diskLag.tick(core.log.commit, core.log.stableIndex)',
      replace: 'leader.diskLag.tick(0, core.log.stableIndex)',
    },
  ],
};
