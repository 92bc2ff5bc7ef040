/**
 * K23: a hard state is written when the term changes, not when only the vote does.
 * A vote in a term that was already known is granted but not written.
 */
import type { Mutant } from '../mutant.js';

export const k23: Mutant = {
  id: 'K23',
  title: 'a vote in a term already known is not written',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/persistence.ts',
      find: `return this.#issuedHardState.term !== core.term || this.#issuedHardState.vote !== core.vote;`,
      replace: `return this.#issuedHardState.term !== core.term;`,
    },
  ],
};
