/**
 * M7: the term is written, the vote is not.
 * A voter that crashes votes a second time in the same term: two leaders in one term.
 */
import type { Mutant } from '../mutant.js';

export const m7: Mutant = {
  id: 'M7',
  title: 'the vote is not written to disk',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/persistence.ts',
      find: `      hardState = { term: core.term, vote: core.vote, commit };
      this.#issuedHardState = hardState;`,
      replace: `      hardState = { term: core.term, vote: 0, commit };
      this.#issuedHardState = { ...hardState, vote: core.vote };`,
    },
  ],
};
