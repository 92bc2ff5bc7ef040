/**
 * K64: A node takes the fault for that of others without looking at its own disk: while it hangs, and nothing of what the
 * node leads is committed, the node is ready.
 */
import type { Mutant } from '../mutant.js';

export const k64: Mutant = {
  id: 'K64',
  title: 'a disk that hangs is blamed on others',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/replication.ts',
      find: 'if (log.stableIndex < index) return false;',
      replace: '',
    },
  ],
};
