/**
 * K86: A value may be one byte shorter where its body comes in chunks: the same request is taken or refused by how a client
 * happens to send it.
 */
import type { Mutant } from '../mutant.js';

export const k86: Mutant = {
  id: 'K86',
  title: 'the longest value is refused if it comes in chunks',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/kv/routes.ts',
      find: 'bounds = { limit: this.#limits.valueBytes,',
      replace: 'bounds = { limit: this.#limits.valueBytes - 1,',
    },
  ],
};
