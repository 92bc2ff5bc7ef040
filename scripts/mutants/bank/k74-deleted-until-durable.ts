/**
 * K74: A row that a checkpoint under way deletes is looked for on the disk, where it still is, and is remembered from there:
 * the key is back, also when the checkpoint is done.
 */
import type { Mutant } from '../mutant.js';

export const k74: Mutant = {
  id: 'K74',
  title: 'a row is read from an older checkpoint',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/memtable.ts',
      find: '    if (this.#sealed?.has(key)) return undefined;\n',
      replace: '',
    },
  ],
};
