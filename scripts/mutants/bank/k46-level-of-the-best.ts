/**
 * K46: The leader of the system group raises the feature level as soon as one node has it. Nodes of the previous build
 * are refused from then on, and their shards lose replicas or their quorum.
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
