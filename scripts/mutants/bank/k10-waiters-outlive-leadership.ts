/**
 * K10: writes wait for the entry at their index, and continue to wait when leadership is lost.
 * Another leader's entry at that index then answers them: a lost write is acknowledged with another operation's answer.
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
