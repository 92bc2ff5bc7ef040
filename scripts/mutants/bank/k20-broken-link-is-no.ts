/**
 * K20: requests in flight over a link that broke are reported as not applied.
 * They may have arrived before the link broke.
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
