/**
 * K75: A deleted row is dropped from only one of the two generations of the cache. A row that is in both reappears.
 */
import type { Mutant } from '../mutant.js';

export const k75: Mutant = {
  id: 'K75',
  title: 'a deleted row is cached twice and dropped once',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/row-cache.ts',
      find: '    this.#old.delete(key);',
      replace: '    else this.#old.delete(key);',
    },
  ],
};
