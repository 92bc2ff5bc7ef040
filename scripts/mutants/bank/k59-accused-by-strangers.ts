/**
 * K59: A node trusts what a node without a uid knows of it. Two nodes of a cluster that never had a quorum accuse
 * nodes with the same ids in another cluster, whose shards then have no leader.
 */
import type { Mutant } from '../mutant.js';

export const k59: Mutant = {
  id: 'K59',
  title: 'a node without a uid accuses the nodes of a cluster that has one',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/topology-sync.ts',
      find: 'return mine === undefined || extension.clusterUid === mine;',
      replace: 'return mine === undefined || (extension.clusterUid ?? mine) === mine;',
    },
  ],
};
