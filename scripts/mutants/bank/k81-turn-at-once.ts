/**
 * K81: A repeated timer fires at once. Its owner counts a tick, or a silence, that never passed.
 */
import type { Mutant } from '../mutant.js';

export const k81: Mutant = {
  id: 'K81',
  title: 'a repeating timer fires as soon as it is set',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/system-runtime.ts',
      find: 'every: (ms, task) => timer(setInterval(task, ms)),',
      replace: 'every: (ms, task) => (setImmediate(task), timer(setInterval(task, ms))),',
    },
  ],
};
