/**
 * K38: Readiness does not check the node's own disk.
 */
import type { Mutant } from '../mutant.js';

export const k38: Mutant = {
  id: 'K38',
  title: 'a node whose disk hangs says that it is ready',
  caughtBy: ['repairs', 'sim-disks'],
  edits: [
    {
      file: 'src/router/admin/health.ts',
      find: 'const hangs = diskPendingMs > electionTimeoutMs;',
      replace: 'const hangs = diskPendingMs > electionTimeoutMs * 1e9;',
    },
  ],
};
