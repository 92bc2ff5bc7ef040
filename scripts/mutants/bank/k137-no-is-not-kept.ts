/**
 * K137: A conclusion that aborts keeps nothing. A repeat of a transaction that was answered no is evaluated anew.
 */
import type { Mutant } from '../mutant.js';

export const k137: Mutant = {
  id: 'K137',
  title: "a definite no under a client's id is not kept",
  caughtBy: ['sim-transactions'],
  edits: [
    {
      file: 'src/shard/machine/transactions.ts',
      find: `if (decision === 'abort' || isOpen) {`,
      replace: `if (decision !== 'abort' && isOpen) {`,
    },
  ],
};
