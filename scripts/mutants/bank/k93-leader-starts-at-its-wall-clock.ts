/**
 * K93: A new leader begins at its own wall clock if that is ahead, although it knows when the newest entry came and so
 * how much time has passed since. Keys expire early by what the clocks of two leaders differ.
 */
import type { Mutant } from '../mutant.js';

export const k93: Mutant = {
  id: 'K93',
  title: 'a new leader begins at its wall clock although it knows how much time has passed',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replicated-clock.ts',
      find: `this.#isKnown ? this.#entryMs + (nowMs - this.#notedAtMs) : wallMs;`,
      replace: `this.#isKnown ? Math.max(this.#entryMs + (nowMs - this.#notedAtMs), wallMs) : wallMs;`,
    },
  ],
};
