/**
 * K112: Whoever finishes a transaction that its coordinator left keeps no outcome for the client's id. A client that
 * repeats its request begins a second attempt, and both are committed.
 */
import type { Mutant } from '../mutant.js';

export const k112: Mutant = {
  id: 'K112',
  title: "a request under a client's id is committed under two attempt ids",
  caughtBy: ['repairs', 'sim-transactions'],
  edits: [
    {
      file: 'src/router/dispatch/coordinator.ts',
      find: `const outcome = decision === 'abort' ? undefined : encodeOutcome(withoutResults(decision));`,
      replace: `const outcome = undefined;`,
    },
  ],
};
