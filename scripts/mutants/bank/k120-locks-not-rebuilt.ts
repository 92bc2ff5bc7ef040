/**
 * K120: A replica that restarts, or continues from a snapshot, knows its prepared transactions and holds no keys for them.
 */
import type { Mutant } from '../mutant.js';

export const k120: Mutant = {
  id: 'K120',
  title: 'a restarted replica holds no keys for its prepared transactions',
  caughtBy: ['sim-transactions'],
  edits: [
    {
      file: 'src/shard/machine/transactions.ts',
      find: `return this.#take(holder, row, locksOf(row.message.part.program), NOT_EVALUATED);`,
      replace: `{
        const locks = locksOf(row.message.part.program);
        const holding: Holding = { ...row, locks, evaluated: NOT_EVALUATED };
        this.#open.set(holder, holding);
        return holding;
      }`,
    },
  ],
};
