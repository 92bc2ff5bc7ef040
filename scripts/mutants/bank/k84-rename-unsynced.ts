/**
 * K84: A file is synced, but its rename is not. A power cut loses the cluster config, without which the data folders of
 * the nodes belong to no cluster.
 */
import type { Mutant } from '../mutant.js';

export const k84: Mutant = {
  id: 'K84',
  title: 'a rename is not synced before the next sync of its folder',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/disk/folders.ts',
      find: '  syncFolder(dirname(file));\n}\n\nconst IN_WORDS',
      replace: '}\n\nconst IN_WORDS',
    },
  ],
};
