/**
 * K27: Answers to operations count as heartbeats.
 * A node that has failed still refuses operations, so no other node takes over the groups that it led.
 */
import type { Mutant } from '../mutant.js';

export const k27: Mutant = {
  id: 'K27',
  title: 'any message of a node counts as a sign of life, also when it has failed',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/peer-handler.ts',
      find: 'let isAlive = false;',
      replace: 'let isAlive = true;',
    },
  ],
};
