/**
 * K126: A stale read does not wait until the revision that it demands is applied: a client may not see its own write.
 */
import type { Mutant } from '../mutant.js';

export const k126: Mutant = {
  id: 'K126',
  title: 'a stale read is answered before the revision that it demands',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/bounded-reads.ts',
      find: `    if (this.#options.applied() < minRevision) return false;
`,
      replace: `    if (this.#options.applied() < minRevision && fromMs !== undefined) return false;
`,
    },
  ],
};
