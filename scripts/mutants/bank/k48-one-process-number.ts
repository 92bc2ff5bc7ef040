/**
 * K48: The number by which a process is known does not differ from one process to the next. Nobody can tell a copy of a data
 * folder from its original: each takes the other's links, and both speak as one node.
 */
import type { Mutant } from '../mutant.js';

export const k48: Mutant = {
  id: 'K48',
  title: 'processes of a node cannot be told apart',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'this.#process = Math.floor(random() * PROCESSES);',
      replace: 'this.#process = Math.floor((random() * PROCESSES) / PROCESSES);',
    },
  ],
};
