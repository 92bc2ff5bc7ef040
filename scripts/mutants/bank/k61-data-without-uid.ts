/**
 * K61: Whoever knows no cluster uid is let in, data or not. A node of another cluster, which a build of feature level 1 made,
 * wins an election with its longer log, and overwrites what was acknowledged.
 */
import type { Mutant } from '../mutant.js';

export const k61: Mutant = {
  id: 'K61',
  title: 'data of a cluster without a uid comes in',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/topology-sync.ts',
      find: 'mine !== undefined && dataWithoutUid',
      replace: 'mine === undefined && dataWithoutUid',
    },
  ],
};
