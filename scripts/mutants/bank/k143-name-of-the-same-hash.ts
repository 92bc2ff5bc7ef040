/**
 * K143: A name in JSON is taken for the last one with the same hash, without a look at its bytes: a patch of one member
 * changes another, in each replica by what it has read before.
 */
import type { Mutant } from '../mutant.js';

export const k143: Mutant = {
  id: 'K143',
  title: 'a member is taken for another whose name has the same hash',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/member-names.ts',
      find: 'found !== undefined && isSame(found.bytes, bytes, from, to)',
      replace: 'found !== undefined',
    },
  ],
};
