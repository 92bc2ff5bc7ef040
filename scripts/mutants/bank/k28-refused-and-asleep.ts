/**
 * K28: An operation that a quiet follower turns away does not start the clock of its group.
 * If the leader is gone without anybody's notice, the shard stays without one however often it is asked for.
 */
import type { Mutant } from '../mutant.js';

export const k28: Mutant = {
  id: 'K28',
  title: 'an operation refused on a quiet follower does not wake its group',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    this.raft.wake();
    waiter.done(this.#notLeader());`,
      replace: '    waiter.done(this.#notLeader());',
    },
  ],
};
