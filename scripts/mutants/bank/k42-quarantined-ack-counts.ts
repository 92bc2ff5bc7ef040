/**
 * K42: What a replica acknowledges in quarantine counts towards a commit.
 */
import type { Mutant } from '../mutant.js';

export const k42: Mutant = {
  id: 'K42',
  title: 'an acknowledgement in quarantine counts',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/progress.ts',
      find: 'return this.quarantine === undefined ? this.#match : 0;',
      replace: 'return this.#match;',
    },
  ],
};
