/**
 * K62: Only whole messages are signs of life of a link. One that takes longer than the silence that ends a link never arrives.
 */
import type { Mutant } from '../mutant.js';

export const k62: Mutant = {
  id: 'K62',
  title: 'bytes of a message that is not whole do not keep the link',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/link.ts',
      find: 'read === this.#readAtCheck ? this.#quietChecks + 1 : 1',
      replace: 'this.#quietChecks + 1',
    },
    {
      file: 'src/shard/transport/link.ts',
      find: 'this.#owner.counters.bytesIn += ',
      replace: 'this.#quietChecks = 0;\n    this.#owner.counters.bytesIn += ',
    },
  ],
};
