/**
 * K73: When a snapshot replaces the state of a group, only the recently used rows are dropped from the row cache.
 * Others are served from the previous state.
 */
import type { Mutant } from '../mutant.js';

export const k73: Mutant = {
  id: 'K73',
  title: 'cached rows outlive the state that they came from',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/row-cache.ts',
      find: '    this.#old.clear();\n',
      replace: '',
    },
  ],
};
