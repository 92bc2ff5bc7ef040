/**
 * K35: Everything sent while a large message is in progress queues behind it.
 * On a slow link heartbeats arrive too late, and terms rise while nothing commits.
 */
import type { Mutant } from '../mutant.js';

export const k35: Mutant = {
  id: 'K35',
  title: 'heartbeats queue behind large messages',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/two-lanes.ts',
      find: '(isOrdered && this.#bulkBytes() > 0)',
      replace: 'this.#bulkBytes() > 0',
    },
  ],
};
