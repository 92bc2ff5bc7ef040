/**
 * K33: Clients whose connections use up the descriptors end the node: the journal cannot be opened to grow.
 */
import type { Mutant } from '../mutant.js';

export const k33: Mutant = {
  id: 'K33',
  title: 'a file that cannot be opened because descriptors ran out ends the node',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/storage/failure.ts',
      find: "kind === 'full' || kind === 'quota' || kind === 'unopened'",
      replace: "kind === 'full' || kind === 'quota'",
    },
  ],
};
