/**
 * K80: The monotonic clock is the machine's date. Where that is set back, leases last longer than their promise, and deadlines
 * never come.
 */
import type { Mutant } from '../mutant.js';

export const k80: Mutant = {
  id: 'K80',
  title: 'the monotonic clock is taken from the date',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/system-runtime.ts',
      find: 'now: () => performance.now(),',
      replace: 'now: () => Date.now(),',
    },
  ],
};
