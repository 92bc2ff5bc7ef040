/**
 * K32: A write that found no space counts as one whose result is unknown.
 * A disk that is full for a moment ends the node until an operator restarts it.
 */
import type { Mutant } from '../mutant.js';

export const k32: Mutant = {
  id: 'K32',
  title: 'a full disk ends the node',
  caughtBy: ['sim-disks', 'repairs'],
  edits: [
    {
      file: 'src/raft/storage/failure.ts',
      find: "kind === 'full' || kind === 'quota' || kind === 'unopened'",
      replace: "kind === 'unopened'",
    },
  ],
};
