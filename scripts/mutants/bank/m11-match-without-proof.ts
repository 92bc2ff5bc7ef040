/**
 * M11: a leader takes what a follower has received for durable: a heartbeat's answer raises the match index.
 * What a quorum "holds" can then be lost by a crash of the follower.
 */
import type { Mutant } from '../mutant.js';

export const m11: Mutant = {
  id: 'M11',
  title: 'match index rises by a heartbeat answer, without proof',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/replication.ts',
      find: `  switch (peer.heartbeatAnswered(message.lastIndex)) {`,
      replace: `  if (peer.acknowledged(Math.min(message.lastIndex, core.log.lastIndex), core.log.snapshotIndex)) maybeCommit(core, leader);
  switch (peer.heartbeatAnswered(message.lastIndex)) {`,
    },
  ],
};
