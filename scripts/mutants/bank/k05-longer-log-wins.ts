/**
 * K5: a voter compares the lengths of logs only, not first the last term (§5.4.1).
 * A replica with many uncommitted old entries is elected over one with a committed newer one.
 */
import type { Mutant } from '../mutant.js';

export const k5: Mutant = {
  id: 'K5',
  title: 'vote for the longer log, whatever its last term',
  caughtBy: ['core', 'sim-contention'],
  edits: [
    {
      file: 'src/raft/log.ts',
      find: `return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);`,
      replace: `return lastIndex > this.lastIndex || (lastIndex === this.lastIndex && lastTerm >= this.lastTerm);`,
    },
  ],
};
