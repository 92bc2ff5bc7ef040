/**
 * K136: The client is told that its transaction did not happen before the shard that knows its id has kept that. A repeat
 * under the same id is evaluated anew, and may happen.
 */
import type { Mutant } from '../mutant.js';

export const k136: Mutant = {
  id: 'K136',
  title: "a definite no is told before the shard of the client's id has kept it",
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/coordinator.ts',
      find: `if (reply !== undefined && agree([reply], 'abort')) return ending(answer, origin);`,
      replace: `if (reply?.reply.type !== 'unknown') return ending(answer, origin);`,
    },
  ],
};
