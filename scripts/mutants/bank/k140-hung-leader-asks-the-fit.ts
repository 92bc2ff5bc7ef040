/** K140: a node whose disk hangs hands over only to peers whose disks have not hung lately, and else keeps its groups. */
import type { Mutant } from '../mutant.js';

export const k140: Mutant = {
  id: 'K140',
  title: 'a node whose disk hangs keeps its groups if no peer is fit',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/hung-disk.ts',
      find: `handOver(replicas.all(), failureDetector, now, true);`,
      replace: `handOver(replicas.all(), failureDetector, now);`,
    },
  ],
};
