/**
 * K22: a voter that restarts ignores that it may have promised its vote to a leader with a lease.
 * A new leader is then elected by the voters that answered the old one's last round.
 */
import type { Mutant } from '../mutant.js';

export const k22: Mutant = {
  id: 'K22',
  title: 'a restarted voter breaks the promise that a lease rests on',
  caughtBy: ['core'],
  edits: [
    {
      file: 'src/raft/core.ts',
      find: `this.promiseTicks = hardState.term > 0 ? Math.max(ownTicks, options.owedTicks ?? 0) : 0;`,
      replace: `this.promiseTicks = 0 * ownTicks;`,
    },
  ],
};
