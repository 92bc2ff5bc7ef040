/**
 * K48: The id of a process is the same for each process of a node. A copy of a data folder is not distinguished from
 * its original: each takes over the other's links, and both act as one node.
 */
import type { Mutant } from '../mutant.js';

export const k48: Mutant = {
  id: 'K48',
  title: 'two processes of a node cannot be told apart',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'this.#process = Math.floor(random() * PROCESSES);',
      replace: 'this.#process = Math.floor((random() * PROCESSES) / PROCESSES);',
    },
  ],
};
