/**
 * K90: A commit is published to the storage thread before its row is written into shared memory. A thread that is awake
 * reads the previous content: an old or torn row becomes durable and is acknowledged.
 */
import type { Mutant } from '../mutant.js';

export const k90: Mutant = {
  id: 'K90',
  title: 'a row is written to shared memory after it was published',
  caughtBy: ['files'],
  edits: [
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: '  #written = this.start;\n',
      replace: '  #written = this.start;\n  #late: (() => void)[] = [];\n',
    },
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: '    this.rows.set(data, this.#rowAt);\n',
      replace: '    const at = this.#rowAt;\n    this.#late.push(() => this.rows.set(data, at));\n',
    },
    {
      file: 'src/raft/storage/worker/request-queue.ts',
      find: '    Atomics.notify(this.counters, POSTED);\n',
      replace: '    Atomics.notify(this.counters, POSTED);\n    for (const write of this.#late.splice(0)) write();\n',
    },
  ],
};
