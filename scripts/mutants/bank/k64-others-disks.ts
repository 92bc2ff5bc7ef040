/**
 * K64: A node blames the disks of others without checking its own: while that hangs, and nothing of what the node leads
 * is committed, the node is ready.
 */
import type { Mutant } from '../mutant.js';

export const k64: Mutant = {
  id: 'K64',
  title: "shards that this node's own disk holds up are blamed on other disks",
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/replication.ts',
      find: 'if (log.stableIndex < index) return false;',
      replace: '',
    },
  ],
};
