/**
 * K13: an installed snapshot does not clear what memory knows of the rows before.
 * Old values shine through until the next checkpoint makes them durable.
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
