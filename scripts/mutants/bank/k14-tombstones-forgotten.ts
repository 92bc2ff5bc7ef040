/**
 * K14: a deletion that is not yet checkpointed does not hide the row in the checkpoint.
 * A deleted key comes back.
 */
import type { Mutant } from '../mutant.js';

export const k14: Mutant = {
  id: 'K14',
  title: 'a deleted key comes back from the checkpoint',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/memtable.ts',
      find: 'if (this.#active.has(key)) return this.#active;',
      replace: 'if (this.#active.get(key) !== undefined) return this.#active;',
    },
  ],
};
