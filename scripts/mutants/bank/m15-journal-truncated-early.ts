/**
 * M15: the journal is dropped before the checkpoint that covers it is durable (redisraft #43).
 * A power cut between the two leaves a gap between state and log, or neither of them.
 */
import type { Mutant } from '../mutant.js';

export const m15: Mutant = {
  id: 'M15',
  title: 'journal dropped before the checkpoint is durable',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/storage/journaled.ts',
      find: `      const done = await this.#client.call({ type: 'checkpoint', checkpoint, groups: parts, hardStates, journal });
`,
      replace: `      for (const { group, meta } of parts) session.index.cover(group, meta.index);
      await this.#shortenJournal(session, 0);
      const done = await this.#client.call({ type: 'checkpoint', checkpoint, groups: parts, hardStates, journal });
`,
    },
  ],
};
