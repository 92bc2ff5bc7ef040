/**
 * K29: A node that has left its groups goes on giving signs of life.
 * The groups that it led, and that are quiet, wait for it for ever.
 */
import type { Mutant } from '../mutant.js';

export const k29: Mutant = {
  id: 'K29',
  title: 'a node that has failed pings as if it were well',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/node.ts',
      find: 'this.#peerHeartbeats.failed = true;',
      replace: 'this.#peerHeartbeats.failed = false;',
    },
  ],
};
