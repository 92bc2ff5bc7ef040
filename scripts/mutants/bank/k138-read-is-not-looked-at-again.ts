/**
 * K138: A read of several keys waits only for the transactions that were writing them when it came. It may see one of them
 * without another that came before that one, because they met in another shard.
 */
import type { Mutant } from '../mutant.js';

export const k138: Mutant = {
  id: 'K138',
  title: 'a read of several keys is served while another transaction writes one of them',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/blocked.ts',
      find: `      if (others !== undefined) {
        blocked.writers = others;`,
      replace: `      if (others !== undefined && others.length === 0) {
        blocked.writers = others;`,
    },
  ],
};
