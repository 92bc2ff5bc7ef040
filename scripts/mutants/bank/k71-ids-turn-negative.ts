/**
 * K71: Request ids are masked to 32 bits, which makes the upper half negative. The wire format cannot encode those, and
 * no request is sent any more.
 */
import type { Mutant } from '../mutant.js';

export const k71: Mutant = {
  id: 'K71',
  title: 'request ids become negative',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/dispatch/pending-calls.ts',
      find: 'do id = id >= MAX_ID ? 1 : id + 1;',
      replace: 'do id = (id + 1) & MAX_ID;',
    },
  ],
};
