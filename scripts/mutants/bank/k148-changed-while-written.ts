/**
 * K148: A row that was read just before is changed in place, though a checkpoint is writing it: the checkpoint has a value of
 * a later entry than it says, and of some keys only.
 */
import type { Mutant } from '../mutant.js';

export const k148: Mutant = {
  id: 'K148',
  title: 'a row changes while a checkpoint writes it',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/row-cache.ts',
      find: 'if (row?.layer !== layer) return false;',
      replace: 'if (row === undefined || layer < row.layer) return false;',
    },
  ],
};
