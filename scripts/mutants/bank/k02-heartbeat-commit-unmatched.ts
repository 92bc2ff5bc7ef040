/**
 * K2: a heartbeat carries the leader's commit index as it is, not bounded by what the follower is known to match (s41).
 * A follower with a conflicting tail commits its own entries.
 */
import type { Mutant } from '../mutant.js';

export const k2: Mutant = {
  id: 'K2',
  title: 'heartbeat commits beyond the matched prefix',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/replication.ts',
      find: `    const commit = Math.min(core.log.commit, peer.match);
    if (!toAll`,
      replace: `    const commit = core.log.commit;
    if (!toAll`,
    },
  ],
};
