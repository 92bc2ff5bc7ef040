/**
 * K10: writes wait for the entry at their index, and go on waiting when leadership is lost.
 * Another leader's entry at that index then answers them: a write that is gone is acknowledged with somebody else's answer.
 */
import type { Mutant } from '../mutant.js';

export const k10: Mutant = {
  id: 'K10',
  title: 'waiting writes are answered by index, without the term',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    for (const waiter of this.#writes.takeAll()) waiter.done(refuse('leadership-lost', undefined, this.#details()));
`,
      replace: ``,
    },
  ],
};
