/**
 * K32: A write that found no room is taken for one of which nothing is known.
 * A disk that is full for a moment costs the node until somebody starts it again.
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
