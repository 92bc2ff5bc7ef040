/**
 * K49: The cluster uid is generated only once every node is linked. A cluster that never was complete has data and no
 * uid, and its nodes are refused nowhere: one of them, started at the addresses of another cluster, overwrites that
 * cluster's keys.
 */
import type { Mutant } from '../mutant.js';

export const k49: Mutant = {
  id: 'K49',
  title: 'a new cluster has no uid before all of its nodes are there',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/topology-sync.ts',
      find: 'const unlinked = isNew ? this.featureLevel : 0;',
      replace: 'const unlinked = isNew ? 0 : 0;',
    },
  ],
};
