/**
 * K25: A leader does not notice that its own disk lacks entries that were committed an election timeout ago.
 * It can apply and read nothing, and no other leader is elected.
 */
import type { Mutant } from '../mutant.js';

export const k25: Mutant = {
  id: 'K25',
  title: 'a leader whose disk hangs keeps its leadership',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/leader.ts',
      find: 'leader.diskLag.tick(core.log.commit, core.log.stableIndex)',
      replace: 'leader.diskLag.tick(0, core.log.stableIndex)',
    },
  ],
};
