/**
 * M23: a router that had to wait goes on with a map of one shard less, and nodes take what they are given: a key has
 * two owners. The shard count never changes today, so the map is made stale by hand.
 */
import type { Mutant } from '../mutant.js';

export const m23: Mutant = {
  id: 'M23',
  title: 'stale shard map at the router: two owners of a key',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/dispatcher.ts',
      find: `if (call.shard < 0) call.shard = this.#shardOf(call.operation, topology.shardCount);`,
      replace: `const count = call.round === 0 ? topology.shardCount : Math.max(1, topology.shardCount - 1);
    call.shard = this.#shardOf(call.operation, count);`,
    },
    {
      file: 'src/shard/node/admission.ts',
      find: `if (shardOf(operation, this.#shardCount) !== request.shard && !isRangeProgram(operation)) {`,
      replace: `if (shardOf(operation, this.#shardCount) < 0) {`,
    },
  ],
};
