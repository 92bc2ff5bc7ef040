/**
 * M15: the log is dropped before the checkpoint that covers it is durable (redisraft #43).
 * A power cut between the two leaves a gap between state and log.
 */
import type { Mutant } from '../mutant.js';

export const m15: Mutant = {
  id: 'M15',
  title: 'log truncated before the checkpoint is durable',
  caughtBy: ['sim', 'files'],
  edits: [
    {
      file: 'src/raft/storage/memory.ts',
      find: `        return { group, meta, rows: [...rows], table: this.#group(group).table };`,
      replace: `        const onDisk = this.#group(group);
        onDisk.entries = onDisk.entries.filter(({ index }) => index > meta.index);
        return { group, meta, rows: [...rows], table: onDisk.table };`,
    },
    {
      file: 'src/raft/storage/sqlite.ts',
      find: `      const done = await this.#client.ask({ type: 'checkpoint', checkpoint, groups: parts, hardStates, journal });
`,
      replace: `      for (const { group, meta } of parts) session.index.cover(group, meta.index);
      await this.#shortenJournal(session, this.#checkpoints - 1);
      const done = await this.#client.ask({ type: 'checkpoint', checkpoint, groups: parts, hardStates, journal });
`,
    },
  ],
};
