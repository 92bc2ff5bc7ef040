/**
 * K81: A repeated timer has its first turn at once. Whoever sets one counts a tick, or a silence, that never passed.
 */
import type { Mutant } from '../mutant.js';

export const k81: Mutant = {
  id: 'K81',
  title: 'a repeated timer has a turn as soon as it is set',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/system-runtime.ts',
      find: 'every: (ms, task) => timer(setInterval(task, ms)),',
      replace: 'every: (ms, task) => (setImmediate(task), timer(setInterval(task, ms))),',
    },
  ],
};
