/**
 * K24: journal rows are truncated although only they contain a group's latest term and vote.
 * After a restart the group is in an old term, and votes again.
 */
import type { Mutant } from '../mutant.js';

export const k24: Mutant = {
  id: 'K24',
  title: 'the journal drops the newest term and vote',
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
