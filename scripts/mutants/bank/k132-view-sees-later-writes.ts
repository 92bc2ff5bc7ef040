/**
 * K132: A view refers to the memory table instead of copying it: a stream shows values that were written after it began.
 */
import type { Mutant } from '../mutant.js';

export const k132: Mutant = {
  id: 'K132',
  title: 'a view of a shard sees later writes to its keys',
  caughtBy: ['sim-ranges'],
  edits: [
    {
      file: 'src/shard/machine/memtable.ts',
      find: '...this.#active.copyOf(range)',
      replace: '...this.#active.runs(range)',
    },
  ],
};
