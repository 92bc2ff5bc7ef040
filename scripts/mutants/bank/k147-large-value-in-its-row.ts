/**
 * K147: The limit forgets the head of a row, so rows just below it have an overflow page, which searches read again and again.
 */
import type { Mutant } from '../mutant.js';

export const k147: Mutant = {
  id: 'K147',
  title: 'a row that is a little too large for its page keeps its value',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/state/large-values.ts',
      find: 'const ROW_HEAD_BYTES = 16;',
      replace: 'const ROW_HEAD_BYTES = 0;',
    },
  ],
};
