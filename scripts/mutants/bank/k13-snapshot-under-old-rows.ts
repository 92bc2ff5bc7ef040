/**
 * K13: an installed snapshot does not clear the memtable.
 * Old values are served until the next checkpoint.
 */
import type { Mutant } from '../mutant.js';

export const k13: Mutant = {
  id: 'K13',
  title: 'rows in memory outlive an installed snapshot',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    this.table.clear();
`,
      replace: ``,
    },
  ],
};
