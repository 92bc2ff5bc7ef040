/**
 * K54: The writer does not wrap the sequence number of a commit to 32 bits. After 2^31 requests the storage thread
 * waits for a message that never comes, and everything stalls.
 */
import type { Mutant } from '../mutant.js';

export const k54: Mutant = {
  id: 'K54',
  title: 'the two threads disagree on the count of requests beyond 2^31',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: 'set([(this.#posted + 1) | 0, store',
      replace: 'set([this.#posted + 1, store',
    },
  ],
};
