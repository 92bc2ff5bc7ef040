/**
 * M4: a read that comes while a read-index round is under way joins it.
 * The round was asked before the read arrived, so its answers say nothing about leadership after that: a leader that was
 * paused finds old answers in its inbox next to new reads (compare etcd #20418).
 */
import type { Mutant } from '../mutant.js';

export const m4: Mutant = {
  id: 'M4',
  title: 'a read joins a read-index round that began before it',
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
