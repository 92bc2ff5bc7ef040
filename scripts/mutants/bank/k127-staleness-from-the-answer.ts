/**
 * K127: A follower counts staleness from when its leader's answer came, and not from when it asked: what was committed while
 * the answer was on its way may be missing from a read that must have it.
 */
import type { Mutant } from '../mutant.js';

export const k127: Mutant = {
  id: 'K127',
  title: 'staleness is counted from when the answer of the leader came',
  caughtBy: ['sim-contention'],
  edits: [
    {
      file: 'src/shard/node/bounded-reads.ts',
      find: `    this.#confirmed.push({ sentMs: asked.sentMs, index });
`,
      replace: `    this.#confirmed.push({ sentMs: this.#options.now(), index });
`,
    },
  ],
};
