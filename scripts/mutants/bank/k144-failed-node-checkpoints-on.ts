/**
 * K144: A node that fails during a checkpoint prepares the groups that are left, too: among them the one whose entry it has
 * applied in part.
 */
import type { Mutant } from '../mutant.js';

export const k144: Mutant = {
  id: 'K144',
  title: 'a failed node makes durable what it applied in part',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/checkpointer.ts',
      find: '      if (this.#isClosed) return;\n      // A snapshot',
      replace: '      // A snapshot',
    },
  ],
};
