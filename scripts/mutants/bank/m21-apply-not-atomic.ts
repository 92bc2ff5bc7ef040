/**
 * M21: a checkpoint's rows and its applied index are not one transaction.
 * A crash between the two leaves effects whose entries are applied again. etcd 3.5.0 to 3.5.2 had its consistent index apart from the data.
 */
import type { Mutant } from '../mutant.js';

export const m21: Mutant = {
  id: 'M21',
  title: 'state rows and applied index are not one transaction',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/storage/store-engine.ts',
      find: `    for (const { group, slot, meta } of groups) state.saveMeta(group, slot, meta);
    for`,
      replace: `    state.commit();
    yield;
    state.begin();
    for (const { group, slot, meta } of groups) state.saveMeta(group, slot, meta);
    for`,
    },
  ],
};
