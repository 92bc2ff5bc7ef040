/**
 * K118: A client comes back with the id that a router named when the outcome of its write was unknown. Writes without
 * keys have pushed it out meanwhile, and it is taken for a new key: the write is applied twice.
 */
import type { Mutant } from '../mutant.js';

export const k118: Mutant = {
  id: 'K118',
  title: 'an id that a router named is applied again after it was pushed out',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/dedup.ts',
      find: `isRouters(data, idAt) && this.#unkeyed.mayHaveEvicted(timeMs)`,
      replace: `isRouters(data, idAt) && timeMs === undefined`,
    },
  ],
};
