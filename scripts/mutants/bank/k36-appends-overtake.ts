/**
 * K36: A small append overtakes a large one that was sent before it.
 * It is refused, and everything is sent again.
 */
import type { Mutant } from '../mutant.js';

export const k36: Mutant = {
  id: 'K36',
  title: 'small appends overtake large ones',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/two-lanes.ts',
      find: 'if (bytes > BULK_BYTES || (isOrdered && this.#bulkBytes() > 0)) return true;',
      replace: 'if (bytes > BULK_BYTES) return true;',
    },
  ],
};
