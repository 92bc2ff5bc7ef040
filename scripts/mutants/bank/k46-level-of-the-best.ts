/**
 * K46: The leader of the system group raises the feature level as soon as one node has it. Those of the build before are
 * refused from then on, and their shards go on without them, or not at all.
 */
import type { Mutant } from '../mutant.js';

export const k46: Mutant = {
  id: 'K46',
  title: 'the feature level is raised before all nodes have it',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/topology-sync.ts',
      find: 'return Math.min(...levels);',
      replace: 'return Math.max(...levels);',
    },
  ],
};
