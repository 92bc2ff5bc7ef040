/**
 * K76: A node that stops or fails tells all who wait that nothing was applied, also those whose write is in its log. The
 * next leader may commit it.
 */
import type { Mutant } from '../mutant.js';

export const k76: Mutant = {
  id: 'K76',
  title: 'a node that ends denies what it proposed',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: "waiter.done(refuse('leadership-lost', closed.reason));",
      replace: 'waiter.done(refusal);',
    },
  ],
};
