/**
 * K134: Whether nothing happened to a key since a revision is judged without the deletions after it.
 */
import type { Mutant } from '../mutant.js';

export const k134: Mutant = {
  id: 'K134',
  title: 'a key that was deleted counts as unchanged',
  caughtBy: ['sim-ranges'],
  edits: [
    {
      file: 'src/shard/machine/evaluation.ts',
      find: '.isUnchangedSince(rowKey, comparison.revision);',
      replace: '.isUnchangedSince(rowKey, this.#context.revision);',
    },
  ],
};
