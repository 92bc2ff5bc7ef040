/**
 * K95: The earliest deadline is not read again when the rows come from a checkpoint or a snapshot. A key that is due by
 * then is there again for good after a restart or a snapshot, unless something is written to it.
 */
import type { Mutant } from '../mutant.js';

export const k95: Mutant = {
  id: 'K95',
  title: 'deadlines in a checkpoint or snapshot are forgotten',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/expiry-index.ts',
      find: '    this.#earliestMs = count === 0 ? Infinity : this.#first();\n',
      replace: '    this.#earliestMs = Infinity;\n',
    },
  ],
};
