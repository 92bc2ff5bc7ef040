/**
 * K116: The row of a prepared transaction is not replaced when it is decided. A replica that restarts, or continues from a
 * snapshot, holds the keys again.
 */
import type { Mutant } from '../mutant.js';

export const k116: Mutant = {
  id: 'K116',
  title: 'a decided transaction holds its keys again after a restart',
  caughtBy: ['sim-transactions'],
  edits: [
    {
      file: 'src/shard/machine/transaction-rows.ts',
      find: `return row?.open === open ? row : undefined;`,
      replace: `return row;`,
    },
  ],
};
