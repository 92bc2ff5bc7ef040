/**
 * K54: The order of a commit in the queue is not brought back into 32 bits by the one who writes it. After 2^31 requests the
 * storage thread looks for it in the port, where it never comes, and everything waits.
 */
import type { Mutant } from '../mutant.js';

export const k54: Mutant = {
  id: 'K54',
  title: 'the two threads count differently beyond 2^31 requests',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: 'set([(this.#posted + 1) | 0, store',
      replace: 'set([this.#posted + 1, store',
    },
  ],
};
