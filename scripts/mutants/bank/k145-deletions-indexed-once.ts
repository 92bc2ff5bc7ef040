/**
 * K145: The deletions are indexed for the first question after them, and those that come later never.
 */
import type { Mutant } from '../mutant.js';

export const k145: Mutant = {
  id: 'K145',
  title: 'a key that was deleted after somebody had asked counts as unchanged',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/deletions.ts',
      find: 'Math.max(this.#indexedTo, ring.head); each',
      replace: 'this.#indexedTo === 0 ? ring.head : ring.tail; each',
    },
  ],
};
