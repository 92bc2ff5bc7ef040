/**
 * K146: What a row said before is not looked at when it is written: the large value that it had keeps its bytes, until the disk is full.
 */
import type { Mutant } from '../mutant.js';

export const k146: Mutant = {
  id: 'K146',
  title: 'a large value that is overwritten keeps its bytes on disk',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/state/large-values.ts',
      find: 'AFTER UPDATE ON state WHEN',
      replace: 'AFTER UPDATE ON state WHEN false AND',
    },
  ],
};
