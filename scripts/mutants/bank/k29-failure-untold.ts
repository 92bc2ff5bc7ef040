/**
 * K29: A node that has left its groups still sends heartbeats.
 * The quiescent groups that it led wait for it for ever.
 */
import type { Mutant } from '../mutant.js';

export const k29: Mutant = {
  id: 'K29',
  title: 'a node that has failed sends pings as a healthy one does',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/node.ts',
      find: 'this.#peerHeartbeats.failed = true;',
      replace: 'this.#peerHeartbeats.failed = false;',
    },
  ],
};
