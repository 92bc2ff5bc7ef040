/**
 * K70: The middle of two indexes is taken with a shift, which makes 32 bits of their sum. From index 2^30 on no common term
 * is found, and after each refusal a leader sends its whole log again.
 */
import type { Mutant } from '../mutant.js';

export const k70: Mutant = {
  id: 'K70',
  title: 'a log is searched in 32 bits',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/log.ts',
      find: 'Math.ceil((low + high) / 2)',
      replace: '(low + high + 1) >> 1',
    },
  ],
};
