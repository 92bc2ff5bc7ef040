/**
 * K19: the router takes a node that does not answer in time for one that did nothing.
 * At the deadline it says that the write did not happen, and it may have.
 */
import type { Mutant } from '../mutant.js';

export const k19: Mutant = {
  id: 'K19',
  title: 'the router counts a silent attempt as not applied',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: `    if (call.operation.type !== 'get') call.outcomeUnknown = true;
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
