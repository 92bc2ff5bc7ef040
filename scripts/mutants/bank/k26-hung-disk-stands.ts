/**
 * K26: A replica whose write has been under way for an election timeout stands for election.
 * It cannot even vote for itself, and gets in the way of those who could lead.
 */
import type { Mutant } from '../mutant.js';

export const k26: Mutant = {
  id: 'K26',
  title: 'a replica whose disk hangs stands for election',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/candidate.ts',
      find: 'if (quarantine !== undefined || diskHangs) return false;',
      replace: 'if (quarantine !== undefined || diskHangs === undefined) return false;',
    },
  ],
};
