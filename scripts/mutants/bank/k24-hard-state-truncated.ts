/**
 * K24: journal rows are dropped although only they hold a group's term and vote.
 * After a restart the group is in a term long gone, and votes again.
 */
import type { Mutant } from '../mutant.js';

export const k24: Mutant = {
  id: 'K24',
  title: 'the journal drops the last word on term and vote',
  caughtBy: ['sim', 'files'],
  edits: [
    {
      file: 'src/raft/storage/journal/journal-index.ts',
      find: `  if (oldest !== undefined) seq = Math.min(seq, oldest.seq);
`,
      replace: `  void oldest;
`,
    },
  ],
};
