/**
 * K58: A node that accuses another does not record the number of that one's quarantine. Another copy of the folder may
 * use the same number, and leaders take it for the one that already left quarantine: it is never restored.
 */
import type { Mutant } from '../mutant.js';

export const k58: Mutant = {
  id: 'K58',
  title: 'two copies of a folder are in quarantine under the same number',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'const boot = isRolledBack ? nextBoot(claim.boot, known) : seen;',
      replace: 'const boot = seen;',
    },
  ],
};
