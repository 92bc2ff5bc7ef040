/**
 * K47: On a full disk a checkpoint overtakes commits that wait for space. A hard state among these, not yet durable,
 * replaces the durable one; the row of that one is truncated, and a crash loses both: a vote is lost.
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
