/**
 * K114: Between the two rounds of a read over shards, a key that is absent in both may have been put and deleted. The
 * rounds are taken to have seen the same.
 */
import type { Mutant } from '../mutant.js';

export const k114: Mutant = {
  id: 'K114',
  title: 'a read over shards misses a key that is put and deleted between its rounds',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/read-over-shards.ts',
      find: 'return record === undefined ? `absent at ${lastDeletion}` : String(record.revision);',
      replace: "return record === undefined ? `absent${lastDeletion < 0 ? '!' : ''}` : String(record.revision);",
    },
  ],
};
