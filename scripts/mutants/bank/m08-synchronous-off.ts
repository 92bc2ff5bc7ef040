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
      file: 'src/raft/storage/journal-db.ts',
      find: '    this.#begin.run();\n    this.#write(pending.rows);\n    this.#commit.run();',
      replace:
        "    this.#db.pragma('synchronous = OFF');\n    this.#begin.run();\n    this.#write(pending.rows);\n    this.#commit.run();\n    this.#db.pragma('synchronous = FULL');",
    },
  ],
};
