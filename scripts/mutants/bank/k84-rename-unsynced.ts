/**
 * K84: A file is synced, and the name that it got by a rename is not. A power cut takes the plan of a cluster, without which
 * the folders of its nodes are nobody's.
 */
import type { Mutant } from '../mutant.js';

export const k84: Mutant = {
  id: 'K84',
  title: 'a renamed file is left to the next sync of its folder',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/disk/folders.ts',
      find: '  syncFolder(dirname(file));\n}\n\nconst IN_WORDS',
      replace: '}\n\nconst IN_WORDS',
    },
  ],
};
