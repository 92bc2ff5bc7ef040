/**
 * K85: The frame decoder accepts keys one byte shorter than the HTTP front does. A write of the longest key breaks
 * every link that it is sent over.
 */
import type { Mutant } from '../mutant.js';

export const k85: Mutant = {
  id: 'K85',
  title: 'a link accepts shorter keys than the HTTP front',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/wire-operations.ts',
      find: 'isTooLong(key)) {',
      replace: 'isTooLong(key) || key.length === 4_097) {',
    },
  ],
};
