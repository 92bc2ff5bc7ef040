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
      find: `else this.#take(key.slice(1), open, locksOf(open.message.part.program));`,
      replace: `else this.#open.set(key.slice(1), { ...open, locks: locksOf(open.message.part.program) });`,
    },
  ],
};
