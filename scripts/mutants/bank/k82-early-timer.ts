/**
 * K82: Fractional delays are passed to Node's timers, which truncate them: a timer may fire up to two milliseconds
 * early.
 */
import type { Mutant } from '../mutant.js';

export const k82: Mutant = {
  id: 'K82',
  title: 'a timer fires before its time',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/system-runtime.ts',
      find: 'Math.ceil(ms) + 1;',
      replace: 'ms;',
    },
  ],
};
