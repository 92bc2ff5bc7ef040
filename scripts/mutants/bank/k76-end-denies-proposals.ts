/**
 * K76: A node that stops or fails answers all pending operations as not applied, also those whose entry is in its log.
 * The next leader may commit it.
 */
import type { Mutant } from '../mutant.js';

export const k76: Mutant = {
  id: 'K76',
  title: 'a node that stops answers its proposals as not applied',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: "waiter.done(refuse('leadership-lost', closed.reason));",
      replace: 'waiter.done(refusal);',
    },
  ],
};
