/**
 * K7: acknowledgements that wait for the disk survive a change of term.
 * What they speak of may have been overwritten since, and the old leader counts it.
 */
import type { Mutant } from '../mutant.js';

export const k7: Mutant = {
  id: 'K7',
  title: 'a held acknowledgement outlives its term',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/core.ts',
      find: `      this.outbox.dropHeld();
`,
      replace: ``,
    },
  ],
};
