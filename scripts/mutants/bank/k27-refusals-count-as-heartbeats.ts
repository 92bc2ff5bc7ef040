/**
 * K27: Answers to operations count as signs of life.
 * A node that has failed goes on refusing them, so nobody succeeds it in the groups that it led.
 */
import type { Mutant } from '../mutant.js';

export const k27: Mutant = {
  id: 'K27',
  title: 'whatever a node sends counts as a sign of life',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/peer-handler.ts',
      find: 'let isAlive = false;',
      replace: 'let isAlive = true;',
    },
  ],
};
