/**
 * K73: When a snapshot replaces the state of a group, of the remembered rows only those that were used of late go. Others
 * are answered from the state before.
 */
import type { Mutant } from '../mutant.js';

export const k73: Mutant = {
  id: 'K73',
  title: 'remembered rows outlive their state',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/row-cache.ts',
      find: '    this.#old.delete(group);\n',
      replace: '',
    },
  ],
};
