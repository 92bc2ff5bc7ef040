/**
 * K34: The bound of revisions is not checked where commands are encoded.
 * One header of a client then throws inside the encoder.
 */
import type { Mutant } from '../mutant.js';

export const k34: Mutant = {
  id: 'K34',
  title: 'a condition on a revision beyond the highest reaches the encoder',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/bounds.ts',
      find: "condition.type === 'revision' && !isRevision(condition.revision)",
      replace: "condition.type === 'revision' && condition.revision < 0",
    },
  ],
};
