/**
 * K40: A voter that restarts without lease reads ignores the lease promises of its previous process.
 */
import type { Mutant } from '../mutant.js';

export const k40: Mutant = {
  id: 'K40',
  title: 'a promise that a lease rests on ends with its process',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/replica-factory.ts',
      find: '    owedTicks,\n',
      replace: '    owedTicks: owedTicks * 0,\n',
    },
  ],
};
