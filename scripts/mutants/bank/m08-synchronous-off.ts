/**
 * M8: the journal is written with \`synchronous = OFF\`: a commit then returns before anything is synced.
 * Survives every kill -9, for the page cache does; only a power cut shows it.
 */
import type { Mutant } from '../mutant.js';

export const m8: Mutant = {
  id: 'M8',
  title: 'journal acknowledged before its sync (synchronous = OFF)',
  caughtBy: ['power-cut'],
  edits: [
    {
      file: 'src/raft/storage/journal/journal-db.ts',
      find: `      this.#journalMode(mode);
      this.#begin.run();`,
      replace: `      this.#journalMode(mode);
      this.#db.pragma(mode === 'MEMORY' ? 'synchronous = OFF' : 'synchronous = FULL');
      this.#begin.run();`,
    },
  ],
};
