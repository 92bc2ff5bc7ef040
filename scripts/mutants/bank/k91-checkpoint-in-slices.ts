/**
 * K91: A checkpoint's rows are committed in slices, at its pauses for the journal. Between two of them readers see a
 * state that never existed: some rows of this checkpoint, the others of the previous one.
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
