/**
 * K68: A node assumes that shards it does not hold are served, whether it is linked to their replicas or not. A node
 * without links is ready, and can serve no key.
 */
import type { Mutant } from '../mutant.js';

export const k68: Mutant = {
  id: 'K68',
  title: 'a node without any link is ready',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/router/admin/shard-service.ts',
      find: 'return replicas.some((node) => linked.includes(node));',
      replace: 'return replicas.length > 0 || linked.length > 0;',
    },
  ],
};
