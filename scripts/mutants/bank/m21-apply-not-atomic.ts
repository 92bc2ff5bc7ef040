/**
 * M21: a checkpoint's rows and its applied index are not one transaction. A crash between the two leaves effects whose
 * entries are applied again. etcd 3.5.0 to 3.5.2 had its consistent index apart from the data.
 */
import type { Mutant } from '../mutant.js';

export const m21: Mutant = {
  id: 'M21',
  title: 'state rows and applied index are not one transaction',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/storage/engine/checkpoint.ts',
      find: `    state.saveMeta(group, slot, meta);`,
      replace: `    state.commit();
    yield;
    state.begin();
    state.saveMeta(group, slot, meta);`,
    },
  ],
};
