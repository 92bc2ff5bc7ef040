/**
 * K35: Whatever is sent while something large waits goes behind it.
 * On a slow link heartbeats come too late, and terms rise while nothing commits.
 */
import type { Mutant } from '../mutant.js';

export const k35: Mutant = {
  id: 'K35',
  title: 'heartbeats queue behind large messages',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/two-lanes.ts',
      find: '(isOrdered && this.#bulkBytes > 0)',
      replace: 'this.#bulkBytes > 0',
    },
  ],
};
