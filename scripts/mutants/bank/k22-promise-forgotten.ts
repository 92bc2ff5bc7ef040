/**
 * K22: a voter that restarts forgets that it may have promised a leader its lease.
 * The voters of a new leader are then those who answered the old one's last round.
 */
import type { Mutant } from '../mutant.js';

export const k22: Mutant = {
  id: 'K22',
  title: 'a restarted voter breaks the promise behind a lease',
  caughtBy: ['core'],
  edits: [
    {
      file: 'src/raft/core.ts',
      find: `this.promiseTicks = hardState.term > 0 ? Math.max(ownTicks, options.owedTicks ?? 0) : 0;`,
      replace: `this.promiseTicks = 0 * ownTicks;`,
    },
  ],
};
