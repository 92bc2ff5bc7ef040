/**
 * K123: A read does not wait for transactions that write its keys: it may see one in one shard and not yet in another.
 */
import type { Mutant } from '../mutant.js';

export const k123: Mutant = {
  id: 'K123',
  title: 'a read does not wait for transactions that write its keys',
  caughtBy: ['sim-transactions'],
  edits: [
    {
      file: 'src/shard/node/blocked.ts',
      find: `if (machine.writersFor === undefined || reads.length === 0) return reads;`,
      replace: `if (machine.writersFor === undefined || reads.length >= 0) return reads;`,
    },
  ],
};
