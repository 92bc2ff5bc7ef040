/**
 * K91: The rows of a checkpoint are committed slice by slice, as the pauses for the journal suggest. Between two of them the node's
 * thread reads a state that never was: some rows of this checkpoint, the others of the one before.
 */
import type { Mutant } from '../mutant.js';

export const k91: Mutant = {
  id: 'K91',
  title: 'rows of a checkpoint can be read before all of them are there',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/engine/checkpoint.ts',
      find: '    if (++sinceSlice % SLICE_ROWS === 0) yield;\n',
      replace: `    if (++sinceSlice % SLICE_ROWS === 0) {
      state.commit();
      yield;
      state.begin();
    }
`,
    },
  ],
};
