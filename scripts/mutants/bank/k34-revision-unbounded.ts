/**
 * K34: The bound of revisions is not checked where commands are encoded.
 * A client's header can make the encoder throw.
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
