/**
 * K6: a pre-vote that is granted late counts as a vote in the election that followed.
 * A pre-vote binds nobody: two candidates can be elected in one term.
 */
import type { Mutant } from '../mutant.js';

export const k6: Mutant = {
  id: 'K6',
  title: 'a late pre-vote counts as a vote',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/candidate.ts',
      find: `      if (message.preVote !== (candidate.type === 'pre-candidate')) return;
`,
      replace: ``,
    },
    {
      file: 'src/raft/candidate.ts',
      find: `if (message.term !== (message.preVote && message.granted ? core.term + 1 : core.term)) return;`,
      replace: `if (message.term < core.term) return;`,
    },
  ],
};
