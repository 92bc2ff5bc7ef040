/**
 * K26: A replica whose write has been in progress for an election timeout campaigns.
 * It cannot even vote for itself, and disturbs replicas that could lead.
 */
import type { Mutant } from '../mutant.js';

export const k26: Mutant = {
  id: 'K26',
  title: 'a replica whose disk hangs campaigns',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/candidate.ts',
      find: 'if (quarantine !== undefined || diskHangs) return false;',
      replace: 'if (quarantine !== undefined || diskHangs === undefined) return false;',
    },
  ],
};
