/**
 * K41: A leader computes its lease from its own timers, not from its voters' promises.
 */
import type { Mutant } from '../mutant.js';

export const k41: Mutant = {
  id: 'K41',
  title: 'a lease is longer than what was promised',
  caughtBy: ['core', 'repairs'],
  edits: [
    {
      file: 'src/raft/replication.ts',
      find: 'peer.countedContext >= context ? peer.promiseMs : 0;',
      replace: 'peer.countedContext >= context ? (core.options.promiseMs ?? 0) : 0;',
    },
  ],
};
