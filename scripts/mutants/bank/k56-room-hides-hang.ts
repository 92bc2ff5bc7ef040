/**
 * K56: Where something waits for room on the disk, readiness looks at nothing else of the disk. A node whose checkpoints find
 * no room is ready while its disk hangs.
 */
import type { Mutant } from '../mutant.js';

export const k56: Mutant = {
  id: 'K56',
  title: 'ready while the disk hangs, since checkpoints wait for room besides',
  caughtBy: ['repairs', 'sim-disks'],
  edits: [
    {
      file: 'src/router/admin/health.ts',
      find: '  const hangs = diskPendingMs > electionTimeoutMs;\n',
      replace: '  const hangs = diskStall === undefined && diskPendingMs > electionTimeoutMs;\n',
    },
  ],
};
