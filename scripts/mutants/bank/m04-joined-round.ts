/**
 * M4: a read that arrives during a read-index round joins it.
 * The round began before the read arrived, so its answers say nothing about leadership after that: a leader that was
 * paused finds old answers in its inbox next to new reads (compare etcd #20418).
 */
import type { Mutant } from '../mutant.js';

export const m4: Mutant = {
  id: 'M4',
  title: 'a read joins a read-index round that began before the read arrived',
  caughtBy: ['sim-contention'],
  edits: [
    {
      file: 'src/shard/node/pending.ts',
      find: `    this.#gathered.push(waiter);
  }`,
      replace: `    const underWay = this.#rounds.at(-1);
    if (underWay === undefined) this.#gathered.push(waiter);
    else underWay.waiters.push(waiter);
  }`,
    },
  ],
};
