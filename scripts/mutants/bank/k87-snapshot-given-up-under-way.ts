/**
 * K87: A snapshot of which nobody asked for more in half a minute is closed, also while a chunk of it is on its way. Where a chunk
 * takes longer than that, over 64 kbit/s, the follower is sent the first chunk over and over and never gets level.
 */
import type { Mutant } from '../mutant.js';

export const k87: Mutant = {
  id: 'K87',
  title: 'a snapshot is given up while a chunk of it is on its way',
  caughtBy: ['repairs', 'sim-patience'],
  budget: { 'sim-patience': 40 },
  edits: [
    {
      file: 'src/shard/node/outgoing-snapshots.ts',
      find: '      if (isUnderWay(transfer) && !transfer.group.raft.isGone(transfer.to)) continue;\n',
      replace: '',
    },
  ],
};
