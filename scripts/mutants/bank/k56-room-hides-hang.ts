/**
 * K56: While anything waits for disk space, readiness checks nothing else of the disk. A node whose checkpoints find no
 * space is ready while its disk hangs.
 */
import type { Mutant } from '../mutant.js';

export const k56: Mutant = {
  id: 'K56',
  title: 'a node is ready while its disk hangs, because its checkpoints also wait for room',
  caughtBy: ['repairs', 'sim-disks'],
  edits: [
    {
      file: 'src/router/admin/health.ts',
      find: '  const hangs = diskPendingMs > electionTimeoutMs;\n',
      replace: '  const hangs = diskStall === undefined && diskPendingMs > electionTimeoutMs;\n',
    },
  ],
};
