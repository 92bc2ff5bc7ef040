/**
 * K133: Ranges are read without the rows that a checkpoint is writing: keys that are in no other layer outlive the deletion of
 * their range, and are in no page.
 */
import type { Mutant } from '../mutant.js';

export const k133: Mutant = {
  id: 'K133',
  title: 'while a checkpoint is written, its rows are missed when a range is deleted or listed',
  caughtBy: ['sim-ranges'],
  edits: [
    {
      file: 'src/shard/machine/memtable.ts',
      find: 'const runs = [...this.#active.runs(range), ...(this.#sealed?.runs(range) ?? [])];',
      replace: 'const runs = [...this.#active.runs(range)];',
    },
  ],
};
