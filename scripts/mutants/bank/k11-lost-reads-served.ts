/**
 * K11: reads whose round was lost with leadership are served from local state.
 * Another leader may have been elected long ago.
 */
import type { Mutant } from '../mutant.js';

export const k11: Mutant = {
  id: 'K11',
  title: 'a deposed leader answers the reads it could not confirm',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    for (const waiter of this.#reads.takeAll()) waiter.done(this.#notLeader());
`,
      replace: `    for (const waiter of this.#reads.takeAll()) waiter.read && waiter.done(this.#serve(waiter.read));
`,
    },
    {
      file: 'src/shard/node/replica.ts',
      find: `      for (const waiter of this.#reads.takeContext(context)) waiter.done(this.#notLeader());`,
      replace: `      for (const waiter of this.#reads.takeContext(context)) waiter.read && waiter.done(this.#serve(waiter.read));`,
    },
  ],
};
