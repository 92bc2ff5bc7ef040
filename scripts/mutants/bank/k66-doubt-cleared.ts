/**
 * K66: What the latest attempt is answered clears up the doubt about an earlier one. Of two attempts that are open at one time
 * the second is refused, and the write is told to have failed, while the first may still be applied.
 */
import type { Mutant } from '../mutant.js';

export const k66: Mutant = {
  id: 'K66',
  title: 'a definite refusal clears up the doubt about another attempt',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: "if (answer.outcome === 'unknown' && call.operation.type !== 'get') call.outcomeUnknown = true;",
      replace: "if (call.operation.type !== 'get') call.outcomeUnknown = answer.outcome === 'unknown';",
    },
  ],
};
