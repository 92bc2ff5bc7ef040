/**
 * K39: Readiness does not check whether the shards that the node leads commit.
 */
import type { Mutant } from '../mutant.js';

export const k39: Mutant = {
  id: 'K39',
  title: 'a node is ready although nothing that it leads commits',
  caughtBy: ['repairs', 'sim'],
  edits: [
    {
      file: 'src/router/admin/shard-service.ts',
      find: 'ms > electionTimeoutMs + COMMIT_GRACE_MS;',
      replace: 'ms > (electionTimeoutMs + COMMIT_GRACE_MS) * 1e9;',
    },
  ],
};
