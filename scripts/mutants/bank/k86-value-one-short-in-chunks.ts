/**
 * K86: The limit of a value is one byte lower for a chunked body: the same request is accepted or refused depending on
 * its encoding.
 */
import type { Mutant } from '../mutant.js';

export const k86: Mutant = {
  id: 'K86',
  title: 'a value of the longest length is refused when it comes in chunks',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/kv/exchange.ts',
      find: 'readBody({ limit, budget',
      replace: 'readBody({ limit: limit - 1, budget',
    },
  ],
};
