/**
 * K1: the completion of an overwritten write marks the newer entry at the same index as durable (s33, ABA).
 * etcd/raft tests it as async_storage_writes_append_aba_race. Whole nodes rarely show it, because their pipeline
 * commits both writes at once; the random tests of the core alone do.
 */
import type { Mutant } from '../mutant.js';

export const k1: Mutant = {
  id: 'K1',
  title: 'a stale completion marks a newer entry stable (ABA)',
  caughtBy: ['core'],
  edits: [
    {
      file: 'src/raft/log.ts',
      find: `    for (const write of this.#inFlight) write.lastIndex = Math.min(write.lastIndex, index);
`,
      replace: ``,
    },
    {
      file: 'src/raft/log.ts',
      find: `this.#stable = Math.max(this.#stable, write.lastIndex);`,
      replace: `this.#stable = Math.max(this.#stable, Math.min(write.lastIndex, this.lastIndex));`,
    },
  ],
};
