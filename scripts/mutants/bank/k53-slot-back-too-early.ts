/**
 * K53: The storage thread gives a slot of the queue back before it has read the row in it. While it reads, the other thread
 * may already write the next one there, and a row of two halves is what becomes durable and is acknowledged.
 */
import type { Mutant } from '../mutant.js';

export const k53: Mutant = {
  id: 'K53',
  title: 'a slot is given back to the other thread before it is read',
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
