/**
 * K43: Hellos carry the uid of the cluster, but it is not compared.
 */
import type { Mutant } from '../mutant.js';

export const k43: Mutant = {
  id: 'K43',
  title: 'a node of another cluster with the same settings is let in',
  caughtBy: ['repairs', 'sim'],
  edits: [
    {
      file: 'src/shard/node/topology-sync.ts',
      find: 'if (mine !== undefined && theirs !== undefined && mine !== theirs) {',
      replace: 'if (mine !== undefined && theirs !== undefined && mine.length !== theirs.length) {',
    },
  ],
};
