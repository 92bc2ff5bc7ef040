/**
 * K71: Ids of requests are kept within 32 bits by a mask, which makes negative numbers of the upper half. No link can say
 * those, and no request leaves any more.
 */
import type { Mutant } from '../mutant.js';

export const k71: Mutant = {
  id: 'K71',
  title: 'ids of requests turn negative',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/pending-calls.ts',
      find: 'do id = id >= MAX_ID ? 1 : id + 1;',
      replace: 'do id = (id + 1) & MAX_ID;',
    },
  ],
};
