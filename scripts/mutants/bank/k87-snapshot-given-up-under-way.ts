/**
 * K87: A snapshot without a request for more in half a minute is closed, even while a chunk of it is in flight. Where a
 * chunk takes longer than that, over 64 kbit/s, the follower is sent the first chunk over and over and never catches
 * up.
 */
import type { Mutant } from '../mutant.js';

export const k87: Mutant = {
  id: 'K87',
  title: 'a snapshot is given up while one of its chunks is on its way',
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
