/**
 * M8: the journal is written with \`synchronous = NORMAL\`: in WAL mode a commit then returns before anything is synced.
 * Survives every kill -9, for the page cache does; only a power cut shows it.
 */
import type { Mutant } from '../mutant.js';

export const m8: Mutant = {
  id: 'M8',
  title: 'journal acknowledged before its sync (synchronous = NORMAL)',
  caughtBy: ['power-cut'],
  edits: [
    {
      file: 'src/raft/storage/data-folder.ts',
      find: `db.pragma('synchronous = FULL');`,
      replace: `db.pragma('synchronous = NORMAL');`,
    },
  ],
};
