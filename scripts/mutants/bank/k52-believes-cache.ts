/**
 * K52: A starting process takes for durable what it reads. After a failed sync of the previous process that may be the
 * page cache's content only.
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
