/**
 * K58: Whoever accuses a node does not note the number that the accused takes for its quarantine. Another copy of its folder may
 * take the same one, and its leaders take it for the one that left quarantine already: it is never brought up.
 */
import type { Mutant } from '../mutant.js';

export const k58: Mutant = {
  id: 'K58',
  title: 'two copies of a folder are in quarantine under one number',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/rollback-detector.ts',
      find: 'const boot = isRolledBack ? nextBoot(claim.boot, known) : seen;',
      replace: 'const boot = seen;',
    },
  ],
};
