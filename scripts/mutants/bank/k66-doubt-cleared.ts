/**
 * K66: The answer to the latest attempt replaces the unknown outcome of an earlier one. Of two open attempts the second
 * is refused, and the write is reported as failed, while the first may still be applied.
 */
import type { Mutant } from '../mutant.js';

export const k66: Mutant = {
  id: 'K66',
  title: 'a definite refusal of one attempt clears the unknown outcome of another',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: "if (answer.outcome === 'unknown' && !isRead(call.operation)) call.outcomeUnknown = true;",
      replace: "if (!isRead(call.operation)) call.outcomeUnknown = answer.outcome === 'unknown';",
    },
  ],
};
