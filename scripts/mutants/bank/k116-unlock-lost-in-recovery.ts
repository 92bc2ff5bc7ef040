/**
 * K116: A replica that restarted, or continues from a snapshot, holds the keys of its prepared transactions, and does not
 * let go of them when they are decided.
 */
import type { Mutant } from '../mutant.js';

export const k116: Mutant = {
  id: 'K116',
  title: 'a restarted replica does not let go of keys that it had locked before',
  caughtBy: ['sim-transactions'],
  edits: [
    {
      file: 'src/shard/machine/transactions.ts',
      find: `return this.#take(holder, row, locksOf(row.message.part.program), NOT_EVALUATED);`,
      replace: `{
        const taken = this.#take(holder, row, locksOf(row.message.part.program), NOT_EVALUATED);
        const holding: Holding = { ...taken, locks: { shared: new Set(), exclusive: new Set() } };
        this.#open.set(holder, holding);
        return holding;
      }`,
    },
  ],
};
