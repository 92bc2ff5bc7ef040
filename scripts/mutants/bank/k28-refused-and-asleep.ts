/**
 * K28: An operation that a quiescent follower refuses does not start the clock of its group.
 * If the loss of the leader went unnoticed, the shard stays without one however many requests arrive.
 */
import type { Mutant } from '../mutant.js';

export const k28: Mutant = {
  id: 'K28',
  title: 'an operation refused by a follower of a quiet group does not wake the group',
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
