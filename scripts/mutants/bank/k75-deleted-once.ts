/**
 * K75: A row that is deleted is dropped from the young rows or from the old ones. One that was written in both is found again.
 */
import type { Mutant } from '../mutant.js';

export const k75: Mutant = {
  id: 'K75',
  title: 'a deleted row is remembered twice, and dropped once',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/row-cache.ts',
      find: '    this.#old.get(group)?.delete(key);',
      replace: '    else this.#old.get(group)?.delete(key);',
    },
  ],
};
