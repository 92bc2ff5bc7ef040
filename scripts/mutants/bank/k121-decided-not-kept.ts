/**
 * K121: A participant does not keep that it has decided: a repeated decision is applied again.
 */
import type { Mutant } from '../mutant.js';

export const k121: Mutant = {
  id: 'K121',
  title: 'a transaction is applied again by a repeated decision',
  caughtBy: ['sim-transactions'],
  edits: [
    {
      file: 'src/shard/machine/transactions.ts',
      find: `    this.#open.set(holder, decided);
`,
      replace: ``,
    },
  ],
};
