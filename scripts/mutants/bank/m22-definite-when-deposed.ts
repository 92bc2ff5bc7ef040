/**
 * M22: a leader that steps down answers writes in its log as not applied.
 * The next leader may commit every one of them.
 */
import type { Mutant } from '../mutant.js';

export const m22: Mutant = {
  id: 'M22',
  title: 'a proposal that commits later was refused as not applied',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    for (const waiter of this.#writes.takeAll()) waiter.done(refuse('leadership-lost', undefined, this.#details()));
    for (const waiter of this.#reads`,
      replace: `    for (const waiter of this.#writes.takeAll()) waiter.done(this.#notLeader());
    for (const waiter of this.#reads`,
    },
  ],
};
