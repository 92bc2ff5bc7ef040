/**
 * K61: A node without a cluster uid is accepted, whether it has data or not. A node of another cluster, made by a build
 * of feature level 1, wins an election with its longer log, and overwrites acknowledged writes.
 */
import type { Mutant } from '../mutant.js';

export const k61: Mutant = {
  id: 'K61',
  title: 'a folder with data of a cluster without a uid is let in',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/topology-sync.ts',
      find: 'mine !== undefined && dataWithoutUid',
      replace: 'mine === undefined && dataWithoutUid',
    },
  ],
};
