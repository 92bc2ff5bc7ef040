/**
 * M10: an append truncates the log behind its last entry, also without a conflict ("only on conflict" left out, §5.3).
 * An old append that comes late then removes entries that were acknowledged since.
 */
import type { Mutant } from '../mutant.js';

export const m10: Mutant = {
  id: 'M10',
  title: 'any append truncates what follows it in the log',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/log.ts',
      find: `    if (known === entries.length) return;
`,
      replace: `    if (known === entries.length) {
      const last = entries.at(-1)?.index ?? this.lastIndex;
      if (last >= this.#commit && last < this.lastIndex) {
        this.#truncate(last + 1);
        this.#version++;
      }
      return;
    }
`,
    },
  ],
};
