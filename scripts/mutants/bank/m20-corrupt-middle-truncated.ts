/**
 * M20: a corrupt row in the middle of the journal is treated as a torn tail: it and all following rows are silently
 * dropped. See Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST '18).
 */
import type { Mutant } from '../mutant.js';

export const m20: Mutant = {
  id: 'M20',
  title: 'a damaged row in the middle silently ends the journal',
  caughtBy: ['sim', 'files'],
  edits: [
    {
      file: 'src/raft/storage/journal/recovery.ts',
      find: `    const { last, knownDurable } = this.#metadata;
    if (row.seq === last && row.seq > knownDurable) {
      this.#torn = row.seq;
      return undefined;
    }`,
      replace: `    const { last, knownDurable } = this.#metadata;
    if (row.seq <= last || row.seq > knownDurable) {
      this.#torn = row.seq;
      return undefined;
    }`,
    },
    {
      file: 'src/raft/storage/journal/recovery.ts',
      find: `    const due = this.#index.lastSeq + 1;`,
      replace: `    if (this.#torn !== undefined) return;
    const due = this.#index.lastSeq + 1;`,
    },
    {
      file: 'src/raft/storage/engine/store-engine.ts',
      find: `      if (torn !== undefined) journal.dropTorn(torn);
`,
      replace: `      if (torn !== undefined) for (let seq = torn; seq <= (journal.last ?? 0); seq++) journal.dropTorn(seq);
`,
    },
  ],
};
