/**
 * K92: Each command carries the leader's wall clock. Replicated time then jumps when that clock is set, and stands still
 * after a leader whose clock was ahead: keys expire early, or not at all.
 */
import type { Mutant } from '../mutant.js';

export const k92: Mutant = {
  id: 'K92',
  title: 'replicated time is taken from the wall clock at each command',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/entry-clock.ts',
      find: `    return this.#clock.read(term, this.#stateMs(), nowMs, this.#clocks.wallTime());`,
      replace: `    this.#clock.read(term, this.#stateMs(), nowMs, this.#clocks.wallTime());
    return this.#clocks.wallTime();`,
    },
  ],
};
