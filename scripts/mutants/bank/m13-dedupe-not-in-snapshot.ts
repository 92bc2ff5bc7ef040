/**
 * M13: the dedup table is neither in checkpoints nor in snapshots, nor in the state hash that would show it.
 * After a restart or an installed snapshot a replica applies a retry that the others answer from their tables.
 */
import type { Mutant } from '../mutant.js';

export const m13: Mutant = {
  id: 'M13',
  title: 'the dedup table is not in the snapshot',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: `of [this.#dedup, this.#deletions, this.#transactions]) part.flush();`,
      replace: `of [this.#deletions, this.#transactions]) part.flush();`,
    },
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: `dedup: this.#dedup.state(),`,
      replace: `dedup: decodeMeta(undefined).dedup,`,
    },
  ],
};
