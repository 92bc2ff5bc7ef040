/**
 * K62: Only complete messages keep a link alive. A message that takes longer than the link's timeout never arrives.
 */
import type { Mutant } from '../mutant.js';

export const k62: Mutant = {
  id: 'K62',
  title: 'bytes of an incomplete message do not keep the link alive',
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
