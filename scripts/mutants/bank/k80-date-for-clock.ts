/**
 * K80: The monotonic clock is the wall clock. When that is set back, leases outlast their promises, and deadlines never
 * come.
 */
import type { Mutant } from '../mutant.js';

export const k80: Mutant = {
  id: 'K80',
  title: 'the monotonic clock is the wall clock',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/system-runtime.ts',
      find: 'now: () => performance.now(),',
      replace: 'now: () => Date.now(),',
    },
  ],
};
