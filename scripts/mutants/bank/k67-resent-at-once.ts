/**
 * K67: A node that does not answer within the time limit of a small operation is given up, however many bytes it was
 * sent. Over a narrow link a large request is resent again and again, each time queued behind itself, and never
 * arrives.
 */
import type { Mutant } from '../mutant.js';

export const k67: Mutant = {
  id: 'K67',
  title: 'a large write is sent again while it is under way',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/call.ts',
      find: 'attemptMs * 2 ** abandoned + carryMs(operation);',
      replace: 'attemptMs + 0 * (abandoned + carryMs(operation));',
    },
  ],
};
