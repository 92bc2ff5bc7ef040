/**
 * K47: On a full disk a checkpoint overtakes the commits that wait for room. A hard state among these, which is not on the
 * disk, replaces the last one that is; the row of that one is truncated, and a crash takes both: a vote is forgotten.
 */
import type { Mutant } from '../mutant.js';

export const k47: Mutant = {
  id: 'K47',
  title: 'a hard state that waits for room replaces the one on the disk',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/journal/journal-index.ts',
      find: 'while (unstored.length > 1 && (unstored[1]?.seq ?? 0) <= this.#durable) unstored.shift();',
      replace: 'while (unstored.length > 1) unstored.shift();',
    },
  ],
};
