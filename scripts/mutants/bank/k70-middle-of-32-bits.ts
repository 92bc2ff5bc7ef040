/**
 * K70: The midpoint of two indexes is computed with a shift, which truncates their sum to 32 bits. From index 2^30 on
 * no common term is found, and after each refusal a leader resends its whole log.
 */
import type { Mutant } from '../mutant.js';

export const k70: Mutant = {
  id: 'K70',
  title: 'a search of the log uses 32-bit integers',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/log.ts',
      find: 'Math.ceil((low + high) / 2)',
      replace: '(low + high + 1) >> 1',
    },
  ],
};
