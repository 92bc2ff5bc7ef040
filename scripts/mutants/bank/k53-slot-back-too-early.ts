/**
 * K53: The storage thread releases a slot of the queue before it has read the row in it. The other thread may overwrite
 * the slot meanwhile, and a torn row becomes durable and is acknowledged.
 */
import type { Mutant } from '../mutant.js';

export const k53: Mutant = {
  id: 'K53',
  title: 'a shared-memory slot is given back before its content was read',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: `    const data = this.rows.slice(start, start + length);
`,
      replace: '',
    },
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: `    return { store, call, request: { type: 'commit', seq, data, activation: undefined } };
`,
      replace: `    const data = this.rows.slice(start, start + length);
    return { store, call, request: { type: 'commit', seq, data, activation: undefined } };
`,
    },
  ],
};
