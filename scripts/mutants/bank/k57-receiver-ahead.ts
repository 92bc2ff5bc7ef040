/**
 * K57: A sender of a snapshot ignores answers that want more than the next chunk. A receiver that took a chunk from
 * before the transfer started over wants one behind it, for ever, and its shard has no quorum if it is needed for one.
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
