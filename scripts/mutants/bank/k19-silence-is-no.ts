/**
 * K19: the router counts a node that does not answer in time as not having applied the write.
 * At the deadline it reports `not_applied`, although the write may have been applied.
 */
import type { Mutant } from '../mutant.js';

export const k19: Mutant = {
  id: 'K19',
  title: 'the router counts an attempt without an answer as not applied',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: `    if (!isRead(call.operation)) call.outcomeUnknown = true;
    call.abandoned += 1;`,
      replace: `    call.abandoned += 1;`,
    },
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: `if (isWrite && (call.outcomeUnknown || call.asked !== undefined)) {`,
      replace: `if (isWrite && call.outcomeUnknown) {`,
    },
  ],
};
