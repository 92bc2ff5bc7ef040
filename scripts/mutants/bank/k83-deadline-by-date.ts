/**
 * K83: The deadline of an operation is a wall-clock time. When the clock is set, a request ends at once, or waits for
 * hours.
 */
import type { Mutant } from '../mutant.js';

export const k83: Mutant = {
  id: 'K83',
  title: 'deadlines follow the wall clock instead of the monotonic one',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: 'return deadline - this.#runtime.now();',
      replace: 'return deadline - this.#runtime.wallTime();',
    },
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: 'deadline: this.#runtime.now() + options.deadlineMs,',
      replace: 'deadline: this.#runtime.wallTime() + options.deadlineMs,',
    },
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: 'this.#runtime.now() >= call.deadline',
      replace: 'this.#runtime.wallTime() >= call.deadline',
    },
  ],
};
