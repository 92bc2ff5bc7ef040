/**
 * K20: what was under way over a link that broke is called not applied.
 * It may have arrived before the link broke.
 */
import type { Mutant } from '../mutant.js';

export const k20: Mutant = {
  id: 'K20',
  title: 'a broken link counts as not applied',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/pending-calls.ts',
      find: `refusalFrom(entry.node, 'leadership-lost', message)`,
      replace: `refusalFrom(entry.node, 'not-here', message)`,
    },
  ],
};
