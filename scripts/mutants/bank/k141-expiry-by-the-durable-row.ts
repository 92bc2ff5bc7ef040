/**
 * K141: Whether a key is due is read from the row that is durable, though memory has a newer one: a key whose deadline moved
 * since the last checkpoint expires at the former one.
 */
import type { Mutant } from '../mutant.js';

export const k141: Mutant = {
  id: 'K141',
  title: 'a key expires by its row before the last changes',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/memtable.ts',
      find: 'const layer = recent === undefined ? this.#layerOf(key) : undefined;',
      replace: 'const layer: RowLayer | undefined = undefined as RowLayer | undefined;',
    },
  ],
};
