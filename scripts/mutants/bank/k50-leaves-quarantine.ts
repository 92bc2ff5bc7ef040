/**
 * K50: A replica in quarantine without a leader for a while leaves it by itself, although the operator did not trust
 * its disk. It then votes for a leader that lacks what it had acknowledged before its disk went back in time.
 */
import type { Mutant } from '../mutant.js';

export const k50: Mutant = {
  id: 'K50',
  title: 'quarantine ends by itself without a leader',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/quarantine.ts',
      find: 'if (trusted && quarantine.ticks >= TRUSTED_TIMEOUTS * electionTicks) leaveQuarantine(core, quarantine);',
      replace:
        'if (trusted || quarantine.ticks >= TRUSTED_TIMEOUTS * electionTicks) leaveQuarantine(core, quarantine);',
    },
  ],
};
