/**
 * K82: Timers are handed to Node as they are, which cuts fractions off: what was to wait for a moment comes up to two
 * milliseconds before it.
 */
import type { Mutant } from '../mutant.js';

export const k82: Mutant = {
  id: 'K82',
  title: 'a timer comes before its time',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/system-runtime.ts',
      find: 'Math.ceil(ms) + 1;',
      replace: 'ms;',
    },
  ],
};
