/**
 * M1: the leader answers reads from its own state and asks nobody whether it still leads.
 * Shipped by early etcd (0.4) and by Consul's default mode; found by Jepsen in 2014.
 * A leader that was cut off goes on answering what others have long overwritten.
 */
import type { Mutant } from '../mutant.js';

export const m1: Mutant = {
  id: 'M1',
  title: 'leader answers reads without a read-index round',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/replica.ts',
      find: `    } else {
      this.#reads.gather(waiter);
    }
  }

  step(`,
      replace: `    } else {
      this.#reads.awaitIndex(this.raft.commit, waiter);
    }
  }

  step(`,
    },
  ],
};
