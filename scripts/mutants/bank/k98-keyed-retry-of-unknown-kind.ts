/**
 * K98: A retry that does not say who made its id, as routers of former builds send it, is looked for among the ids of
 * routers only: a client's write that was applied under its own id is applied again.
 */
import type { Mutant } from '../mutant.js';

export const k98: Mutant = {
  id: 'K98',
  title: 'retries through a former router do not find the ids of clients',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/dedup.ts',
      find: `if (attempt === 'initial') return`,
      replace: `if (!isKeyed(attempt)) return`,
    },
  ],
};
