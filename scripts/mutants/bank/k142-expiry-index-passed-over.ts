/**
 * K142: As the first rows of the expiry index are deleted in order, the place from where it is read moves on past a row that
 * was set between them: that key never expires.
 */
import type { Mutant } from '../mutant.js';

export const k142: Mutant = {
  id: 'K142',
  title: 'a deadline between two others is passed over, and its key stays',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/expiry-head.ts',
      find: "    if (key <= (this.#rows.at(-1) ?? '')) this.#rows = [];\n",
      replace: '',
    },
  ],
};
