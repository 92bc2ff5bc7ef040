/**
 * K55: The number of queued commits is not wrapped to 32 bits. When the counters wrap it becomes about 2^32 and never
 * equals the capacity of 64: entries not yet consumed are overwritten.
 */
import type { Mutant } from '../mutant.js';

export const k55: Mutant = {
  id: 'K55',
  title: 'when the counters of the shared-memory queue wrap, it never seems full',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: 'const waiting = (this.#written - Atomics.load(this.counters, TAKEN)) | 0;',
      replace: 'const waiting = this.#written - Atomics.load(this.counters, TAKEN);',
    },
  ],
};
