/**
 * K12: a checkpoint names the commit index, not the applied one.
 * After a restart the entries between them are never applied on this replica.
 */
import type { Mutant } from '../mutant.js';

export const k12: Mutant = {
  id: 'K12',
  title: 'a checkpoint claims an applied index beyond what was applied',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/checkpointer.ts',
      find: `  const index = group.applied;
`,
      replace: `  const index = Math.max(group.applied, group.raft.commit);
`,
    },
  ],
};
