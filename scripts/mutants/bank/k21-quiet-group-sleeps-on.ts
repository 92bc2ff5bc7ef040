/**
 * K21: a quiet group is not woken when its leader is found dead (s74).
 * Quiescent followers hold no election: the shard has no leader for as long as the dead one stays away.
 */
import type { Mutant } from '../mutant.js';

export const k21: Mutant = {
  id: 'K21',
  title: 'a quiet group does not wake for a dead leader',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/raft.ts',
      find: `    const core = this.#core;
    wake(core);
    if (core.role.type === 'follower') forgetLeader(core, core.role);`,
      replace: `    const core = this.#core;
    if (core.role.type === 'follower') forgetLeader(core, core.role);`,
    },
  ],
};
