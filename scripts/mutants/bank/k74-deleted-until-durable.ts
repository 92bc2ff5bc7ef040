/**
 * K74: A row that a checkpoint in progress deletes is read from the disk, where it still exists, and cached: the key
 * reappears, also after the checkpoint.
 */
import type { Mutant } from '../mutant.js';

export const k74: Mutant = {
  id: 'K74',
  title: 'a row is read from an older checkpoint',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/memtable.ts',
      find: 'return this.#sealed?.has(key) === true ? this.#sealed : undefined;',
      replace: 'return this.#sealed?.get(key) === undefined ? undefined : this.#sealed;',
    },
  ],
};
