/**
 * K55: How many commits wait in the queue is not brought back into 32 bits. Where the counts begin anew it comes out as four
 * thousand millions, which is no 64: what was not taken yet is overwritten.
 */
import type { Mutant } from '../mutant.js';

export const k55: Mutant = {
  id: 'K55',
  title: 'where the counts of the queue begin anew, it seems never to be full',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: 'const waiting = (this.#written - Atomics.load(this.counters, TAKEN)) | 0;',
      replace: 'const waiting = this.#written - Atomics.load(this.counters, TAKEN);',
    },
  ],
};
