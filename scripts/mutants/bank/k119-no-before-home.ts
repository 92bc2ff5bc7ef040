/**
 * K119: Comparisons that do not hold in one shard are the answer, though the shard that knows the client's id has not
 * answered. A repeat of a transaction that was committed meets its own effect, and is answered that nothing was done.
 */
import type { Mutant } from '../mutant.js';

export const k119: Mutant = {
  id: 'K119',
  title: "a repeat meets its own effect while the shard of the client's id is silent",
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/coordinator.ts',
      find: `attemptOutcomeOf(replies, client === undefined ? undefined : participants[0])`,
      replace: `attemptOutcomeOf(replies, client === undefined ? undefined : undefined)`,
    },
  ],
};
