/**
 * M24: apply uses the replica's own clock instead of the leader's timestamp in the entry.
 * Replicas evict answers at different times, and their states diverge.
 */
import type { Mutant } from '../mutant.js';

export const m24: Mutant = {
  id: 'M24',
  title: 'apply looks at the local clock',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: `    if (timeMs <= this.#clockMs) return;
    this.#clockMs = timeMs;`,
      replace: `    const here = Date.now();
    if (here <= this.#clockMs) return;
    this.#clockMs = here;`,
    },
  ],
};
