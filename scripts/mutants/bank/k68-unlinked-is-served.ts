/**
 * K68: A node takes shards that it does not hold for served, linked to those who hold them or not. One that nobody talks to is
 * ready, and can answer for no key.
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
