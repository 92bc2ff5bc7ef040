/**
 * K45: Any shard without service makes every node unready, also nodes that serve all shards they lead. One unavailable
 * shard takes the whole cluster out of a load balancer.
 */
import type { Mutant } from '../mutant.js';

export const k45: Mutant = {
  id: 'K45',
  title: 'a node is not ready because of shards elsewhere',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/admin/health.ts',
      find: '.size === topology.shards.length;',
      replace: '.size > 0;',
    },
  ],
};
