/**
 * K52: A start takes for durable what it reads. After a sync that failed under the process before it, that is what the
 * system's cache shows, and the disk may not have it.
 */
import type { Mutant } from '../mutant.js';

export const k52: Mutant = {
  id: 'K52',
  title: 'the last batch of the journal is not written again at a start',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/engine/store-engine.ts',
      find: '      journal.ensureDurable();\n',
      replace: '',
    },
  ],
};
