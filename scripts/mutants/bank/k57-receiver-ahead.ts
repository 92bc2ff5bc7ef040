/**
 * K57: A sender of a snapshot goes by no answer that asks for more than the next chunk. A receiver that took a chunk of before
 * the transfer began anew asks for one behind it, for ever, and its shard has no quorum where it is needed for one.
 */
import type { Mutant } from '../mutant.js';

export const k57: Mutant = {
  id: 'K57',
  title: 'a receiver that is ahead of its snapshot never gets the rest',
  caughtBy: ['repairs', 'sim-disks'],
  edits: [
    {
      file: 'src/raft/snapshot-sender.ts',
      find: 'const isAhead = wanted > phase.number + 1;',
      replace: 'const isAhead = false;',
    },
  ],
};
